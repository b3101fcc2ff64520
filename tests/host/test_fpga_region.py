"""Which nodes a region for the FPGA has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("hls4ml")

from builder import Builder

import weft
from weft.hls.lower import lower
from weft.host.fpga_region import without_passed
from weft.host.graph import read_network


def test_a_skipped_value_is_quantised_before_the_region(tmp_path: Path) -> None:
    """Of x + conv(relu(conv(x))) the part before the addition, which x's quantised copy goes past."""
    path = tmp_path / "residual.onnx"
    onnx.save(Builder((4, 8, 8)).conv(4, 4).node("Relu").conv(4, 4).node("Add", "x").proto(4), path)
    data = np.random.default_rng(0).normal(size=(4, 4, 8, 8)).astype(np.float32)
    model = weft.compress(path, "fixed16", calibration=data).model
    network = read_network(model)
    kinds = [node.op_type for node in network.nodes]
    before = list(range(kinds.index("Add")))
    assert kinds[: kinds.index("Conv")].count("QuantizeLinear") == 1
    part = without_passed(network, before)
    dropped = [kinds[number] for number in before if number not in part]
    assert dropped == ["QuantizeLinear", "DequantizeLinear"]
    design = lower(model, network.names(part), name="part", board_part="xc7z020clg400-1", clock_ns=10)
    assert [design.tensors[name].onnx_name for name in design.inputs] == ["x_fixed"]
    assert without_passed(network, range(len(kinds))) == tuple(range(len(kinds)))
