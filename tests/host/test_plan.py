"""Plans: what goes where, with which reason, and their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

pytest.importorskip("hls4ml")

import weft
from weft.boards.errors import InputError, ModelError
from weft.hls.layers import MEANINGS


def test_a_network_that_fits_goes_to_the_fpga_as_a_whole(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2")
    (region,) = plan.regions
    assert region.device == "fpga"
    assert region.design is not None
    assert (region.inputs, region.outputs) == (("x",), (plan.model.graph.outputs[0].name,))
    assert [(move.source, move.target) for move in plan.transfers] == [("host", "fpga0"), ("fpga0", "host")]
    total = region.predicted_s + sum(move.predicted_s for move in plan.transfers)
    assert plan.predicted_s == pytest.approx(total)
    assert "random data" in plan.notes[0]


def test_an_unsupported_operator_in_the_middle_stays_on_the_cpu(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2")
    assert [region.device for region in plan.regions] == ["fpga", "cpu", "fpga"]
    first, between, last = plan.regions
    assert "../erf\n" in between.nodes
    assert 'a "quoted" name' in " ".join(first.nodes)
    assert "Erf" in between.reason
    assert any(name.startswith("int") for name in last.nodes)
    assert (first.outputs, between.outputs) == (between.inputs, last.inputs)
    assert [(move.source, move.target) for move in plan.transfers] == [
        ("host", "fpga0"), ("fpga0", "cpu0"), ("cpu0", "fpga1"), ("fpga1", "host")
    ]  # fmt: skip
    assert (first.overlay, last.overlay) == ("overlay0", "overlay0")
    assert first.reason.endswith("it shares overlay0 with fpga1")
    every = [name for region in plan.regions for name in region.nodes]
    assert sorted(every) == sorted(str(node.name) for node in plan.model.graph)


def test_json(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2")
    data = json.loads(json.dumps(plan.to_json()))
    assert data["schema"] == "weft-plan/1"
    assert data["board"] == "pynq-z2"
    assert data["predicted_s"] == plan.predicted_s > 0
    assert set(data["regions"][0]) == {"name", "device", "nodes", "reason", "predicted_s", "overlay"}
    assert set(data["regions"][1]) == {"name", "device", "nodes", "reason", "predicted_s"}
    assert set(data["transfers"][0]) == {"from", "to", "bytes", "predicted_s"}
    assert all(region["reason"] for region in data["regions"])


def test_only_the_cpu(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2", devices="cpu")
    assert [region.device for region in plan.regions] == ["cpu"]
    assert plan.transfers == ()
    assert plan.notes == ()


def test_only_the_fpga_names_the_node_that_cannot(mixed: Path) -> None:
    with pytest.raises(ModelError, match=r"erf.*Erf.*add cpu"):
        weft.plan(mixed, board="pynq-z2", devices="fpga")


def test_inputs_that_random_numbers_cannot_stand_in_for_go_to_the_cpu() -> None:
    table = helper.make_tensor("table", TensorProto.FLOAT, [4, 3], np.arange(12, dtype=np.float32))
    nodes = [helper.make_node("Gather", ["table", "i"], ["v"]), helper.make_node("Relu", ["v"], ["y"])]
    i = helper.make_tensor_value_info("i", TensorProto.INT64, ["N"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph(nodes, "g", [i], [y], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    plan = weft.plan(model, board="pynq-z2")
    assert [region.device for region in plan.regions] == ["cpu"]
    with weft.Session(plan) as session:
        (result,) = session.run(None, {"i": np.array([2, 0])})
    np.testing.assert_array_equal(result, [[6, 7, 8], [0, 1, 2]])


def test_nan_in_calibration_is_the_users_fault(mlp: Path) -> None:
    bad = np.full((4, 16), np.nan, np.float32)
    with pytest.raises(InputError, match="NaN"):
        weft.plan(mlp, board="pynq-z2", calibration=bad)


def test_the_model_that_is_given_is_not_changed(mlp: Path) -> None:
    proto = onnx.load(mlp)
    before = proto.SerializeToString(deterministic=True)
    weft.plan(proto, board="pynq-z2")
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("name", ['quo"te', "a/b", "../../x", "int", "1", "ünïcode", ""])
def test_any_graph_name_makes_a_plain_project_name(mlp: Path, name: str) -> None:
    proto = onnx.load(mlp)
    proto.graph.name = name or "x"
    plan = weft.plan(proto, board="pynq-z2")
    assert plan.name.replace("_", "").isalnum()
    assert plan.name.isascii()
    assert plan.name[0].isalpha()


def test_a_design_that_is_not_exact_stays_on_the_cpu(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would be with a layer kind that weft does not know."""
    monkeypatch.delitem(MEANINGS, "Dense")
    found = weft.plan(mlp, board="pynq-z2")
    assert [region.device for region in found.regions] == ["cpu"]
    assert "cannot be simulated exactly" in found.regions[0].reason
