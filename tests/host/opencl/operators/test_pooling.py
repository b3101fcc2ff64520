"""Pools against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import one_node
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl")

from weft.host.opencl.operators import refusal

X = np.random.default_rng(0).normal(size=(2, 3, 9, 11)).astype(np.float32)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(["MaxPool", "AveragePool"]),
    window=st.tuples(st.integers(2, 3), st.integers(2, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.tuples(*[st.integers(0, 1)] * 4),
    ceil=st.booleans(),
    counted=st.booleans(),
)
def test_any_pool(
    same_as_onnx_runtime: Any,
    kind: str,
    window: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, ...],
    ceil: bool,
    counted: bool,
) -> None:
    extra: dict[str, Any] = {"count_include_pad": int(counted)} if kind == "AveragePool" else {}
    model = one_node(
        kind, {"x": X}, kernel_shape=window, strides=strides, pads=pads, ceil_mode=int(ceil), batch=True, **extra
    )
    same_as_onnx_runtime(model, {"x": X})


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(same_as_onnx_runtime: Any, kind: str) -> None:
    same_as_onnx_runtime(one_node(kind, {"x": X}, batch=True), {"x": X})


def test_one_spatial_axis_and_dilation(same_as_onnx_runtime: Any) -> None:
    x = X[:, :, 0]
    same_as_onnx_runtime(one_node("MaxPool", {"x": x}, kernel_shape=[3], dilations=[2], strides=[2]), {"x": x})


def test_not_a_number_and_indices(same_as_onnx_runtime: Any) -> None:
    x = np.where(X > 2, np.nan, X).astype(np.float32)
    assert np.isnan(x).any()
    model = one_node("MaxPool", {"x": X}, outputs=2, kernel_shape=[2, 2])
    assert "indices" in refusal(next(iter(ir.from_proto(model).graph)))


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_the_largest_of_integers(same_as_onnx_runtime: Any, kind: Any) -> None:
    """Padding is less than any of them."""
    limits = np.iinfo(kind)
    x = np.random.default_rng(0).integers(limits.min, limits.max, (2, 3, 6, 7), kind, endpoint=True)
    x[0] = limits.min
    same_as_onnx_runtime(one_node("MaxPool", {"x": x}, kernel_shape=[3, 3], pads=[1] * 4), {"x": x})
