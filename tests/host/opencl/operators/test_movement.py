"""Operators that move values, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import one_node, prepared
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.operators import refusal

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


@given(order=st.permutations(range(4)))
@settings(max_examples=24)
def test_transpose(same_as_onnx_runtime: Any, order: list[int]) -> None:
    same_as_onnx_runtime(one_node("Transpose", {"x": X}, perm=order), {"x": X})


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.bool_, np.int8, np.uint8])
def test_element_types(same_as_onnx_runtime: Any, dtype: type[np.generic]) -> None:
    x = np.arange(6).reshape(2, 3).astype(dtype)
    same_as_onnx_runtime(one_node("Transpose", {"x": x}), {"x": x})


@pytest.mark.parametrize("shape", [(6, 20), (0, -1), (-1,), (2, 1, 60)])
def test_reshape(same_as_onnx_runtime: Any, shape: tuple[int, ...]) -> None:
    same_as_onnx_runtime(one_node("Reshape", {"x": X}, {"shape": ints(*shape)}), {"x": X})


def test_axes_that_come_and_go(same_as_onnx_runtime: Any) -> None:
    one = X[:1, :, :1]
    same_as_onnx_runtime(one_node("Squeeze", {"x": one}, {"axes": ints(0, -2)}), {"x": one})
    same_as_onnx_runtime(one_node("Squeeze", {"x": one}), {"x": one})
    same_as_onnx_runtime(one_node("Unsqueeze", {"x": X}, {"axes": ints(0, -1)}), {"x": X})
    for axis in (0, 1, 2, 4, -1):
        same_as_onnx_runtime(one_node("Flatten", {"x": X}, axis=axis), {"x": X})
    same_as_onnx_runtime(one_node("Expand", {"x": one}, {"shape": ints(2, 1, 4, 1)}), {"x": one})


BOUND = st.integers(-8, 8)


@settings(max_examples=40)
@given(starts=st.tuples(BOUND, BOUND), ends=st.tuples(BOUND, BOUND), steps=st.sampled_from([(1, 1), (2, -1), (-2, 3)]))
def test_slice(same_as_onnx_runtime: Any, starts: Any, ends: Any, steps: Any) -> None:
    constants = {"starts": ints(*starts), "ends": ints(*ends), "axes": ints(1, -1), "steps": ints(*steps)}
    same_as_onnx_runtime(one_node("Slice", {"x": X}, constants), {"x": X})


def test_slice_to_either_end(same_as_onnx_runtime: Any) -> None:
    far = np.iinfo(np.int64).max
    constants = {"starts": ints(1, -1), "ends": ints(far, -far), "axes": ints(1, 2), "steps": ints(1, -1)}
    same_as_onnx_runtime(one_node("Slice", {"x": X}, constants), {"x": X})


@pytest.mark.parametrize("axis", [0, 2, -1])
def test_concat_and_split(same_as_onnx_runtime: Any, axis: int) -> None:
    feeds = {"x": X, "y": X[::-1].copy(), "z": X}
    same_as_onnx_runtime(one_node("Concat", feeds, axis=axis), feeds)
    same_as_onnx_runtime(one_node("Split", {"x": X}, outputs=2, axis=axis, num_outputs=2), {"x": X})
    last = X.shape[axis] - 1
    same_as_onnx_runtime(one_node("Split", {"x": X}, {"s": ints(1, last)}, outputs=2, axis=axis), {"x": X})


def test_pad(same_as_onnx_runtime: Any) -> None:
    value = np.array(1.5, np.float32)
    same_as_onnx_runtime(one_node("Pad", {"x": X}, {"p": ints(0, 1, 2, 0, 1, 0, 3, 0), "v": value}), {"x": X})
    same_as_onnx_runtime(one_node("Pad", {"x": X}, {"p": ints(0, -1, 0, 2, 0, 0, -2, 0)}), {"x": X})
    same_as_onnx_runtime(one_node("Pad", {"x": X}, {"p": ints(1, 2), "v": value, "a": ints(-1)}), {"x": X})
    mirrored = one_node("Pad", {"x": X}, {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}, mode="reflect")
    assert "reflect" in refusal(next(iter(ir.from_proto(mirrored).graph)))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather(same_as_onnx_runtime: Any, dtype: type[np.generic], axis: int) -> None:
    indices = np.array([[1, -1], [0, 1]], dtype)
    feeds = {"x": X, "i": indices}
    same_as_onnx_runtime(one_node("Gather", feeds, axis=axis), feeds)
    same_as_onnx_runtime(one_node("Gather", {"x": X}, {"i": indices}, axis=axis), {"x": X})


def test_an_index_outside(opencl_device: OpenClDevice) -> None:
    good, bad = np.array([1], np.int64), np.array([9], np.int64)
    program = prepared(opencl_device, one_node("Gather", {"x": X, "i": good}))
    with pytest.raises(DeviceError, match="out of range"):
        program.run({"x": X, "i": bad})
    np.testing.assert_array_equal(program.run({"x": X, "i": good})["y0"], X[[1]])
    program.close()


def test_shapes_known_only_when_it_runs(same_as_onnx_runtime: Any) -> None:
    """The shape is an input: launches are made anew for each of its values."""
    for shape in ((6, 20), (-1, 5)):
        feeds = {"x": X, "shape": ints(*shape)}
        same_as_onnx_runtime(one_node("Reshape", feeds), feeds)
    feeds = {"shape": ints(2, 3)}
    same_as_onnx_runtime(one_node("ConstantOfShape", feeds), feeds)
    same_as_onnx_runtime(one_node("Shape", {"x": X}, batch=True, start=1), {"x": X})
    same_as_onnx_runtime(one_node("Size", {"x": X}, batch=True), {"x": X})
