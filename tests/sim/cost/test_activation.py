"""Activations against published fabric. A relu in a dataflow design is a process of its own, in a pipeline gates."""

from __future__ import annotations

import numpy as np
import pytest
from cost_designs import WORD, cost_of, plain, single, stream

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


# Channels, LUT: Keb-L/hls4ml-data@333aad62, 16 bits, Vivado HLS 2018.2, which registers the element, and 2019.2.
@pytest.mark.parametrize(("channels", "lut"), [(8, 484), (16, 860), (64, 3116), (128, 6120)])
def test_a_leaky_relu_takes_a_product_a_value(channels: int, lut: int) -> None:
    layer = plain("ParametrizedActivation", activation="leaky_relu", param_t=WORD)
    design = single(layer, "io_stream", stream("x", 8, 8, channels), stream("y", 8, 8, channels))
    older, newer = (cost_of(design, "xcvu9p", tool) for tool in ("vivado-2018.2", "vivado-2019.2"))
    assert older.resources.dsp == newer.resources.dsp == channels
    assert newer.resources.lut == pytest.approx(lut, rel=0.01)
    assert older.resources.ff == pytest.approx(16 * channels + 17, abs=2)
    assert newer.resources.ff == pytest.approx(17, abs=2)
    assert newer.worst.latency == 64 + 3


# Values, bits, clock, published FF: DNNonSilicon and AutoEncoder_hls4ml@dd6f3c2171, xc7z020.
@pytest.mark.parametrize(
    ("values", "bits", "clock_ns", "ff"), [(4, 16, 10.0, 84), (8, 16, 10.0, 143), (8, 32, 5.0, 597), (4, 32, 5.0, 337)]
)
def test_vivado_registers_a_streams_element_on_series_7(values: int, bits: int, clock_ns: float, ff: int) -> None:
    layer = plain("Activation", activation="relu")
    source, result = stream("x", 256, values, bits=bits), stream("y", 256, values, bits=bits)
    cost = cost_of(single(layer, "io_stream", source, result, clock_ns=clock_ns), "xc7z020", "vivado-2020.1")
    assert cost.resources.ff == pytest.approx(ff, rel=0.2)
