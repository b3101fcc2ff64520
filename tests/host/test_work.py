"""Counting operations, and the network as the planner sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper
from recurrent_nodes import recurrent

from weft.hls.load import load
from weft.host.graph import read_network, read_values
from weft.host.work import operations, sample_bytes, steps


def test_operations_of_a_convolution_and_a_matmul(cnn: Path) -> None:
    counted = {node.op_type: operations(node) for node in load(cnn).graph}
    assert counted["Conv"] == 2 * (4 * 6 * 6) * (2 * 3 * 3)
    assert counted["MatMul"] == 2 * 36 * 5
    assert counted["Relu"] == 4 * 6 * 6


def test_operations_of_a_recurrent_layer_are_its_steps() -> None:
    """Each multiplies its input and its state."""
    for node in (recurrent("LSTM", [7, "N", 5], 3), recurrent("LSTM", ["N", 7, 5], 3, batch_first=True)):
        assert steps(node) == 7
        assert operations(node) == 7 * 2 * (12 * 5 + 12 * 3)
    assert steps(recurrent("LSTM", ["T", "N", 5], 3)) == 1


def test_bytes_of_a_sample(cnn: Path) -> None:
    assert sample_bytes(load(cnn).graph.inputs[0]) == 2 * 6 * 6 * 4


def test_bytes_of_strings_and_of_what_has_no_type() -> None:
    def value(kind: ir.DataType | None) -> ir.Value:
        return ir.Value(name="v", shape=ir.Shape(["N", 3]), type=None if kind is None else ir.TensorType(kind))

    assert sample_bytes(value(ir.DataType.STRING)) == 3 * 8
    assert sample_bytes(value(ir.DataType.INT4)) == 1
    assert sample_bytes(value(None)) == sample_bytes(value(ir.DataType.UNDEFINED)) == 3 * 4


def branching() -> ir.Model:
    """y = relu(x) if any(x > 0) else x + c: the branches read values of the graph around them."""
    then = helper.make_graph(
        [helper.make_node("Identity", ["r"], ["t"])], "then", [], [helper.make_tensor_value_info("t", 1, ["N", 3])]
    )
    other = helper.make_graph(
        [helper.make_node("Add", ["x", "c"], ["e"])], "else", [], [helper.make_tensor_value_info("e", 1, ["N", 3])]
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["b"], to=TensorProto.BOOL),
        helper.make_node("If", ["b"], ["y"], then_branch=then, else_branch=other),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", 3])],
        [helper.make_tensor_value_info("y", 1, ["N", 3])],
        [helper.make_tensor("c", 1, [3], np.ones(3, np.float32))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return ir.from_proto(model)


def test_what_a_branch_reads_is_a_dependency() -> None:
    network = read_network(branching())
    choice = network.nodes[-1]
    assert choice.op_type == "If"
    assert {value.name for value in read_values(choice)} == {"b", "r", "x", "c"}
    assert network.predecessors[-1] == (0, 2)
    inputs, outputs = network.ends([3])
    assert (set(inputs), outputs) == ({"b", "r", "x"}, ("y",))
    assert len({node.name for node in network.nodes}) == 4
