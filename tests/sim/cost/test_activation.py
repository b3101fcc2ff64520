"""A relu in a dataflow design is a process of its own, in a pipeline it is wires and gates."""

from __future__ import annotations

import numpy as np
import pytest

from weft.boards.resources import Resources
from weft.hls.design import Design, Layer, Tensor, Weight
from weft.hls.precision import FixedType
from weft.sim import estimate

WIDE = FixedType(16, 6)


def relu(values: int, strategy: str, result: FixedType = WIDE, tool: str = "vivado-2020.1") -> Resources:
    """Behind a Dense of reuse factor 8."""
    weight = Weight(np.ones((16, values), np.int64), WIDE)
    dense = Layer("dense", "Dense", ("x",), ("y",), {"n_in": 16, "n_out": values}, {"weight": weight}, strategy, 8)
    layers = dense, Layer("relu", "Activation", ("y",), ("z",), {"activation": "relu"})
    tensors = {"x": Tensor("x", (16,), WIDE), "y": Tensor("y", (values,), WIDE), "z": Tensor("z", (values,), result)}
    design = Design("test", "io_parallel", 5.0, "part", layers, tensors, ("x",), ("z",))
    report = estimate(design, "pynq-z2", tool=tool)
    return next(row for row in report.layers if row.name == "relu").resources


# hls4ml_PYNQ_prj@a881b6f6 and hls4ml_prj@a881b6f6, Vivado HLS 2020.1, xc7z020, 5 ns: values, strategy, LUT, FF.
@pytest.mark.parametrize(
    ("values", "strategy", "lut", "ff"),
    [(64, "resource", 2379, 962), (32, "resource", 1195, 482), (64, "latency", 1792, 0), (32, "latency", 896, 0)],
)
def test_vivado_relu_is_the_published_one(values: int, strategy: str, lut: int, ff: int) -> None:
    got = relu(values, strategy)
    assert (got.lut, got.ff) == (lut, ff)


def test_a_narrow_result_holds_its_bits_but_the_sign() -> None:
    assert relu(64, "resource", FixedType(6, 1, overflow="SAT")).ff == 322  # hls4ml_PYNQ_prj@a881b6f6
    assert relu(64, "resource", FixedType(6, 0, False, overflow="SAT")).ff == 6 * 64 + 2


def test_vitis_relu_of_a_dataflow_design() -> None:
    # ECE226_CoDesign@bfc2fecf, Vitis HLS 2024.1: 96,267 LUT and 30,722 FF for 2,048 values.
    got = relu(2048, "resource", tool="vitis-2024.1")
    assert got.lut == pytest.approx(96_267, rel=0.01)
    assert got.ff == 30_722
