"""Reductions, softmax and normalisation against ONNX Runtime, with one work-item a row and with a group of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_runs import one_node, run_on

pytest.importorskip("pyopencl")

from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl import reductions
from weft.host.opencl.operators import normalisation, softmax

X = np.random.default_rng(0).normal(0, 2, (3, 4, 5, 6)).astype(np.float32)
GROUPS = [1, 4, 64]


@pytest.fixture(params=GROUPS)
def group(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    for module in (normalisation, reductions, softmax):
        monkeypatch.setattr(module, "row_group", lambda context, count: request.param)
    return int(request.param)


KINDS = ["ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [(-1,), (1, 2), (0, 2), (0, 1, 2, 3), None])
def test_any_axes(same_as_onnx_runtime: Any, kind: str, axes: tuple[int, ...] | None) -> None:
    constant = {} if axes is None else {"axes": np.array(axes, np.int64)}
    same_as_onnx_runtime(one_node(kind, {"x": X}, constant, keepdims=int(axes == (1, 2))), {"x": X})


def test_rows_shared_by_a_group(same_as_onnx_runtime: Any, group: int) -> None:
    for kind in ("ReduceSum", "ReduceMean"):
        same_as_onnx_runtime(one_node(kind, {"x": X}, {"axes": np.array([2, 3])}), {"x": X})


def test_integers(same_as_onnx_runtime: Any) -> None:
    x = np.arange(-6, 6).reshape(3, 4)
    for kind in ("ReduceSum", "ReduceMax", "ReduceMin"):
        same_as_onnx_runtime(one_node(kind, {"x": x}, {"axes": np.array([1])}), {"x": x})


@pytest.mark.parametrize("kind", ["ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd"])
def test_reductions_of_nothing(opencl_device: OpenClDevice, kind: str) -> None:
    """The neutral element, as ONNX's backend tests have it and ONNX Runtime has not."""
    x = np.zeros((2, 0, 9), np.float32)
    model = one_node(kind, {"x": x}, {"axes": np.array([1])}, keepdims=0)
    (found,) = run_on(opencl_device, model, {"x": x}).values()
    expected = {"ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceSum": 0, "ReduceProd": 1}[kind]
    np.testing.assert_array_equal(found, np.full((2, 9), expected, np.float32))


def test_nothing_to_reduce(same_as_onnx_runtime: Any) -> None:
    same_as_onnx_runtime(one_node("ReduceSum", {"x": X}, noop_with_empty_axes=1), {"x": X})


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_softmax(same_as_onnx_runtime: Any, group: int, kind: str, axis: int) -> None:
    same_as_onnx_runtime(one_node(kind, {"x": 10 * X}, axis=axis), {"x": 10 * X})


@pytest.mark.parametrize("axis", [-1, 2])
def test_layer_normalization(same_as_onnx_runtime: Any, group: int, axis: int) -> None:
    constants = {"s": X[0, 0, 0] if axis == -1 else X[0, 0], "b": X[1, 0, 0] if axis == -1 else X[1, 0]}
    same_as_onnx_runtime(one_node("LayerNormalization", {"x": X}, constants, axis=axis, epsilon=1e-3), {"x": X})
    del constants["b"]
    same_as_onnx_runtime(one_node("LayerNormalization", {"x": X}, constants, axis=axis), {"x": X})


@pytest.mark.parametrize("outputs", [1, 4])
def test_skip_layer_normalization(same_as_onnx_runtime: Any, group: int, outputs: int) -> None:
    x, skip = X[0], X[1]
    scale, bias = np.abs(X[0, 0, 0]), X[1, 0, 0]
    options: dict[str, Any] = {"domain": "com.microsoft", "epsilon": 1e-5}
    feeds = {"x": x, "skip": skip}
    same_as_onnx_runtime(one_node("SkipLayerNormalization", feeds, {"g": scale, "b": bias}, **options), feeds)
    same_as_onnx_runtime(one_node("SkipSimplifiedLayerNormalization", feeds, {"g": scale, "b": bias}, **options), feeds)
