"""The part of a network that is lowered: which nodes, what it reads, what it gives."""

from __future__ import annotations

import pytest
from builder import Builder

from weft.boards.errors import ModelError
from weft.hls.load import load
from weft.hls.lowering.region import region_inputs, region_nodes, region_outputs

# x -> first -> middle -> last, with a second reader of first's value beside middle.
CHAIN = Builder((6,)).dense(6, 5, name="first").node("Relu", name="middle")
CHAIN.node("Add", "v0", name="last")
MODEL = load(CHAIN.proto(5).SerializeToString())


def ends(*names: str) -> tuple[list[str | None], list[str | None]]:
    region = region_nodes(MODEL, names)
    return [value.name for value in region_inputs(region)], [value.name for value in region_outputs(region)]


def test_no_names_are_all_nodes() -> None:
    assert region_nodes(MODEL, None) == list(MODEL.graph)


def test_nodes_come_in_the_models_order() -> None:
    assert [node.name for node in region_nodes(MODEL, ["last", "middle"])] == ["middle", "last"]


def test_a_region_reads_what_it_does_not_compute_once_and_no_constants() -> None:
    (sum_of_first,) = [node.outputs[0].name for node in MODEL.graph if node.op_type == "Add" and node.name != "last"]
    assert ends("middle", "last") == ([sum_of_first], ["v2"])
    everything = [str(node.name) for node in MODEL.graph]
    assert ends(*everything) == (["x"], ["v2"])


def test_a_value_that_others_read_leaves_the_region_though_it_is_read_inside() -> None:
    before = [str(node.name) for node in MODEL.graph if node.name != "last"]
    _, outputs = ends(*before)
    assert len(outputs) == 2


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="no node 'elsewhere'"):
        region_nodes(MODEL, ["middle", "elsewhere"])
