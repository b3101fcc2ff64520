"""Convolutions against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_runs import one_node
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl")

random = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return random.normal(size=shape).astype(np.float32)


@settings(max_examples=20)
@given(
    image=st.tuples(st.integers(5, 20), st.integers(5, 40)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    groups=st.sampled_from([(1, 3, 5), (2, 4, 6), (4, 4, 4), (3, 3, 6)]),
    bias=st.booleans(),
)
def test_any_convolution(
    same_as_onnx_runtime: Any,
    image: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[int, ...],
    groups: tuple[int, int, int],
    bias: bool,
) -> None:
    group, channels, made = groups
    x = normal(2, channels, *image)
    weights = {"w": normal(made, channels // group, *window)} | ({"b": normal(made)} if bias else {})
    model = one_node(
        "Conv", {"x": x}, weights, batch=True, group=group, strides=strides, dilations=dilations, pads=pads
    )
    same_as_onnx_runtime(model, {"x": x})


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding(same_as_onnx_runtime: Any, auto_pad: str) -> None:
    x = normal(1, 2, 9, 8)
    model = one_node("Conv", {"x": x}, {"w": normal(3, 2, 3, 2)}, auto_pad=auto_pad, strides=(2, 3))
    same_as_onnx_runtime(model, {"x": x})


@pytest.mark.parametrize(("group", "channels"), [(1, 4), (4, 4)])
def test_one_spatial_axis(same_as_onnx_runtime: Any, group: int, channels: int) -> None:
    x = normal(3, channels, 21)
    weights = {"w": normal(8, channels // group, 3), "b": normal(8)}
    same_as_onnx_runtime(one_node("Conv", {"x": x}, weights, pads=(1, 2), strides=(2,), group=group), {"x": x})


def test_more_taps_than_are_copied_at_once(same_as_onnx_runtime: Any) -> None:
    x = normal(1, 70, 7, 7)
    same_as_onnx_runtime(one_node("Conv", {"x": x}, {"w": normal(9, 70, 3, 3)}, pads=(1, 1, 1, 1)), {"x": x})
