"""How the ends of a network are described, and what is said of feeds that do not fit them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from weft.boards.errors import InputError
from weft.host.feeds import NodeArg, check_feeds, check_names, node_args

F32 = np.dtype(np.float32)


def identity(*kinds: onnx.TypeProto) -> ir.Model:
    """Each input, given as a type, through an Identity."""
    ends = [
        [helper.make_value_info(f"{name}{number}", kind) for number, kind in enumerate(kinds)] for name in ("x", "y")
    ]
    nodes = [helper.make_node("Identity", [f"x{number}"], [f"y{number}"]) for number in range(len(kinds))]
    graph = helper.make_graph(nodes, "net", ends[0], ends[1])
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def test_types_are_written_as_onnx_runtime_writes_them() -> None:
    elements = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT64", "BOOL", "STRING")
    kinds = [helper.make_tensor_type_proto(getattr(TensorProto, element), ["N", 3]) for element in elements]
    kinds += [
        helper.make_sequence_type_proto(kinds[0]),
        helper.make_optional_type_proto(helper.make_sequence_type_proto(kinds[4])),
    ]
    model = identity(*kinds)
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = [(argument.name, argument.type) for argument in session.get_inputs()]
    ours = node_args(model.graph.inputs)
    assert [(argument.name, argument.type) for argument in ours] == theirs
    assert [argument.shape for argument in ours[:8]] == [("N", 3)] * 8
    assert [(argument.shape, argument.dtype) for argument in ours[8:]] == [(None, None)] * 2


def test_free_ranks_and_axes_without_a_name() -> None:
    model = identity(helper.make_tensor_type_proto(1, None), helper.make_tensor_type_proto(1, [None, 2]))
    first, second = node_args(model.graph.inputs)
    assert first.shape is None
    assert second.shape == (None, 2)
    check_feeds([first], {"x0": np.zeros((2, 3, 4), np.float32)})


def test_an_end_without_a_type() -> None:
    with pytest.raises(InputError, match="'x' has no type"):
        node_args([ir.Value(name="x")])


A, B = NodeArg("a", ("N", 3), "tensor(float)", F32), NodeArg("b", ("N",), "tensor(int64)", np.dtype(np.int64))


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"a": np.zeros((2, 3), F32)}, "input 'b' is missing: the inputs are a, b"),
        ({"a": np.zeros((2, 3), F32), "c": 1}, "input 'c' does not exist: the inputs are a, b"),
        ({"a": np.zeros((2, 3)), "b": np.zeros(2, int)}, "'a' has dtype float64, and float32 is needed"),
        ({"a": np.zeros((2, 4), F32), "b": np.zeros(2, int)}, r"'a' has shape \(2, 4\), and \(N, 3\) is needed"),
        ({"a": np.zeros(3, F32), "b": np.zeros(2, int)}, r"'a' has shape \(3,\), and \(N, 3\) is needed"),
        ({"a": np.zeros((2, 3), F32), "b": np.zeros(5, int)}, "inputs 'a' and 'b' differ in axis 'N': 2 and 5"),
    ],
)
def test_feeds_that_do_not_fit(feeds: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_feeds([A, B], feeds)


def test_strings_come_as_objects_or_as_text() -> None:
    text = NodeArg("s", (2,), "tensor(string)", np.dtype(object))
    check_feeds([text], {"s": np.array(["a", "b"])})
    check_feeds([text], {"s": np.array(["a", "b"], object)})
    with pytest.raises(InputError, match="dtype int64"):
        check_feeds([text], {"s": np.array([1, 2])})


def test_output_names() -> None:
    check_names([A, B], ["b", "a", "b"])
    with pytest.raises(InputError, match="output 'z' does not exist: the outputs are a, b"):
        check_names([A, B], ["a", "z"])
