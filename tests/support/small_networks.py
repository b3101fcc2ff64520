"""Networks of an operator or two that only the CPU runs, so that sessions on them need no extra."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

Shape = Sequence[int | str | None]


def erf(shape: Shape = ("N", 6)) -> onnx.ModelProto:
    """y = erf(x), float32."""
    return network([helper.make_node("Erf", ["x"], ["y"], "erf")], {"x": shape}, {"y": shape})


def two_ends() -> onnx.ModelProto:
    """total = a + b and apart = a - b, float32 (N, 3)."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["total"], "add"),
        helper.make_node("Sub", ["a", "b"], ["apart"], "subtract"),
    ]
    return network(nodes, {"a": ("N", 3), "b": ("N", 3)}, {"total": ("N", 3), "apart": ("N", 3)})


def network(nodes: list[onnx.NodeProto], inputs: dict[str, Shape], outputs: dict[str, Shape]) -> onnx.ModelProto:
    """A model of opset 21 with float32 ends."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in end.items()]
        for end in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "net", ends[0], ends[1])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
