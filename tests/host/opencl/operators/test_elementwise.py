"""Elementwise operators against ONNX Runtime: values, broadcasting, element types, NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from device_runs import one_node, prepared, run_on
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

pytest.importorskip("pyopencl")

from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.operators import refusal

X = np.random.default_rng(0).normal(0, 2, (3, 5)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.1)


@pytest.mark.parametrize(
    "kind",
    [
        *("Abs", "Ceil", "Celu", "Cos", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity", "IsNaN"),
        *("LeakyRelu", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign"),
        *("Tanh", "ThresholdedRelu"),
    ],
)
def test_functions_of_one_operand(same_as_onnx_runtime: Any, kind: str) -> None:
    same_as_onnx_runtime(one_node(kind, {"x": X}, batch=True), {"x": X})


@pytest.mark.parametrize("kind", ["Log", "Sqrt"])
def test_functions_of_positive_numbers(same_as_onnx_runtime: Any, kind: str) -> None:
    same_as_onnx_runtime(one_node(kind, {"x": POSITIVE}), {"x": POSITIVE})


@pytest.mark.parametrize(("kind", "domain"), [("Gelu", ""), ("Gelu", "com.microsoft"), ("QuickGelu", "com.microsoft")])
def test_gelu(same_as_onnx_runtime: Any, kind: str, domain: str) -> None:
    same_as_onnx_runtime(one_node(kind, {"x": X}, domain=domain), {"x": X})


def test_erf_is_close_everywhere(opencl_device: OpenClDevice) -> None:
    """Relative to the value itself, however small it is; NaN and both ends as they should be."""
    x = np.concatenate([np.linspace(-6, 6, 20_000), [1e-30, 1e-6, -1e-6, np.inf, -np.inf, 0, np.nan]]).astype(
        np.float32
    )
    for values in (x, x[-7:]):  # eight at once, and one by one
        (found,) = run_on(opencl_device, one_node("Erf", {"x": values}), {"x": values}).values()
        expected = np.vectorize(math.erf)(values.astype(np.float64))
        np.testing.assert_allclose(found, expected, rtol=5e-7, atol=0)


def test_gelu_by_tanh(same_as_onnx_runtime: Any) -> None:
    same_as_onnx_runtime(one_node("Gelu", {"x": X}, approximate="tanh"), {"x": X})
    same_as_onnx_runtime(one_node("FastGelu", {"x": X}, {"b": X[0]}, domain="com.microsoft"), {"x": X})
    same_as_onnx_runtime(one_node("BiasGelu", {"x": X}, {"b": X[0]}, domain="com.microsoft"), {"x": X})


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Less", "Equal", "GreaterOrEqual"])
@pytest.mark.parametrize("shape", [(3, 5), (5,), (1,), (3, 1)])
def test_two_operands(same_as_onnx_runtime: Any, kind: str, shape: tuple[int, ...]) -> None:
    other = np.random.default_rng(1).normal(0, 2, shape).astype(np.float32)
    same_as_onnx_runtime(one_node(kind, {"x": X, "y": other}), {"x": X, "y": other})
    same_as_onnx_runtime(one_node(kind, {"x": X}, {"w": other}), {"x": X})


SHAPES = st.lists(st.sampled_from([1, 2, 3]), min_size=0, max_size=4)


@settings(max_examples=25)
@given(full=SHAPES, data=st.data())
def test_any_broadcast(same_as_onnx_runtime: Any, full: list[int], data: st.DataObject) -> None:
    def operand(seed: int) -> NDArray[np.float32]:
        kept = data.draw(st.lists(st.booleans(), min_size=len(full), max_size=len(full)))
        shape = [size if keep else 1 for size, keep in zip(full, kept, strict=True)]
        return np.random.default_rng(seed).normal(size=shape[data.draw(st.integers(0, len(full))) :]).astype(np.float32)

    feeds = {"x": operand(0), "y": operand(1)}
    same_as_onnx_runtime(one_node("Sub", feeds), feeds)


def test_integers_and_booleans(same_as_onnx_runtime: Any) -> None:
    a, b = np.array([[7, -7, 5]], np.int64), np.array([[2], [-3]], np.int64)
    for kind in ("Add", "Mul", "Div", "Max", "Greater"):
        same_as_onnx_runtime(one_node(kind, {"x": a, "y": b}), {"x": a, "y": b})
    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    for kind in ("And", "Or", "Xor"):
        same_as_onnx_runtime(one_node(kind, {"x": p, "y": q}), {"x": p, "y": q})
    same_as_onnx_runtime(one_node("Not", {"x": p}), {"x": p})


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, 1.0, 1.7])
def test_powers(same_as_onnx_runtime: Any, exponent: float) -> None:
    constant = {"e": np.array(exponent, np.float32)}
    same_as_onnx_runtime(one_node("Pow", {"x": POSITIVE}, constant), {"x": POSITIVE})
    feeds = {"x": POSITIVE, "e": np.full(5, exponent, np.float32)}
    same_as_onnx_runtime(one_node("Pow", feeds), feeds)


def test_clip_and_where(same_as_onnx_runtime: Any) -> None:
    low, high = np.array(-0.5, np.float32), np.array(1.0, np.float32)
    same_as_onnx_runtime(one_node("Clip", {"x": X}, {"low": low, "high": high}), {"x": X})
    same_as_onnx_runtime(one_node("Clip", {"x": X}, {"low": low}), {"x": X})
    same_as_onnx_runtime(one_node("Clip", {"x": X}, {"high": high}, order="x,,high"), {"x": X})
    feeds = {"c": X > 0, "x": X, "y": X[:1]}
    same_as_onnx_runtime(one_node("Where", feeds), feeds)


@pytest.mark.parametrize("to", [TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.bool_])
def test_casts(same_as_onnx_runtime: Any, to: int, dtype: type[np.generic]) -> None:
    x = np.resize([0, 1, 2.9, -2.9], 13).astype(dtype)
    same_as_onnx_runtime(one_node("Cast", {"x": x}, to=to), {"x": x})


def test_not_a_number_stays_one(same_as_onnx_runtime: Any) -> None:
    x = np.resize(np.array([np.nan, -1, 1, np.inf, -np.inf], np.float32), 11)
    for kind in ("Relu", "Sigmoid", "Tanh", "Abs", "Neg"):
        same_as_onnx_runtime(one_node(kind, {"x": x}), {"x": x})
    for kind in ("Max", "Min", "Mul"):
        same_as_onnx_runtime(one_node(kind, {"x": x, "y": x[::-1].copy()}), {"x": x, "y": x[::-1].copy()})


def test_a_chain_is_one_launch(opencl_device: OpenClDevice) -> None:
    """x sigmoid(x) + b, then tanh: five operators, one kernel, and x read once."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"]),
        helper.make_node("Mul", ["x", "s"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]),
        helper.make_node("Tanh", ["a"], ["t"]),
        helper.make_node("Mul", ["t", "half"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 5]) for name in ("x", "y")]
    bias = helper.make_tensor("b", TensorProto.FLOAT, [5], X[0])
    half = helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], [bias, half])
    program = prepared(
        opencl_device, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    )
    (found,) = program.run({"x": X}).values()
    np.testing.assert_allclose(found, 0.5 * np.tanh(X / (1 + np.exp(-X)) + X[0]), rtol=1e-5)
    assert launches(program) == 1
    program.close()


def launches(program: Any) -> int:
    (schedule,) = program._code._schedules.values()
    return len(schedule.launches)


def test_what_stays_elsewhere() -> None:
    double = onnx_node("Add", TensorProto.DOUBLE)
    assert "float32" in refusal(double)
    assert "no OpenCL kernel" in refusal(onnx_node("Det", TensorProto.FLOAT))


def test_what_is_no_tensor() -> None:
    tensor = ir.TensorType(ir.DataType.FLOAT)
    node = ir.Node("", "Identity", [ir.Value(name="x", type=ir.SequenceType(tensor))])
    node.outputs[0].name, node.outputs[0].type = "y", ir.SequenceType(tensor)
    assert refusal(node) == "'x' is no tensor"


def onnx_node(kind: str, element: int) -> Any:
    ends = [helper.make_tensor_value_info(name, element, [3, 3]) for name in ("x", "y")]
    count = 1 if kind == "Det" else 2
    graph = helper.make_graph([helper.make_node(kind, ["x"] * count, ["y"])], "g", ends[:1], ends[1:])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return next(iter(ir.from_proto(model).graph))
