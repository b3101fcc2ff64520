"""Between floats and integers, integer by integer as ONNX Runtime rounds and saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import one_node, reference, run_on
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.context import Context
from weft.host.opencl.operators import refusal

random = np.random.default_rng(0)
# Halves both ways, what saturates, and what is no number; nine and more, so that vectors are used as well.
EDGES = np.array([0.5, 1.5, -0.5, -2.5, 1e9, -1e9, np.inf, -np.inf, np.nan, 0.0, -0.0, 126.5, 127.5, 254.5], np.float32)
KINDS = [np.int8, np.uint8, np.int16, np.uint16]


def exact(device: OpenClDevice, model: Any, feeds: dict[str, Any]) -> None:
    expected, found = reference(model, feeds), run_on(device, model, feeds)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zero", [None, 0, 3])
def test_quantise_at_the_edges(opencl_device: OpenClDevice, kind: Any, zero: int | None) -> None:
    x = np.concatenate([EDGES, EDGES * 0.25, random.normal(0, 100, 37).astype(np.float32)])
    constants: dict[str, Any] = {"scale": np.float32(0.25)}
    if zero is not None:
        constants["zero"] = kind(zero)
    elif kind != np.uint8:
        constants["zero"] = kind(0)
    exact(opencl_device, one_node("QuantizeLinear", {"x": x}, constants), {"x": x})


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(2**-20, 2**10, width=32), seed=st.integers(0, 2**32 - 1))
def test_any_scale_divides_as_onnx_runtime_does(opencl_device: OpenClDevice, scale: float, seed: int) -> None:
    """The scale is an input here, so that one kernel serves; values lie on and beside halves of steps."""
    steps = np.random.default_rng(seed).integers(-300, 300, 64).astype(np.float32) / 2
    x = steps * np.float32(scale)
    x = np.concatenate([x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, -np.float32(np.inf))])
    feeds = {"x": x, "scale": np.array(scale, np.float32)}
    exact(opencl_device, one_node("QuantizeLinear", feeds, {"zero": np.int8(1)}), feeds)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_quantise_along_an_axis(opencl_device: OpenClDevice, axis: int, kind: Any) -> None:
    x = random.normal(0, 20, (3, 5, 9)).astype(np.float32)
    constants = {
        "scale": random.uniform(0.1, 2, x.shape[axis]).astype(np.float32),
        "zero": random.integers(0, 5, x.shape[axis]).astype(kind),
    }
    exact(opencl_device, one_node("QuantizeLinear", {"x": x}, constants, axis=axis), {"x": x})


@pytest.mark.parametrize("axis", [None, 0, 2])
@pytest.mark.parametrize("kind", [*KINDS, np.int32])
def test_dequantise(opencl_device: OpenClDevice, axis: int | None, kind: Any) -> None:
    limits = np.iinfo(kind)
    x = random.integers(limits.min, limits.max, (3, 5, 9), kind, endpoint=True)
    many = () if axis is None else (x.shape[axis],)
    constants = {"scale": random.uniform(0.01, 2, many).astype(np.float32)}
    if kind != np.int32:
        constants["zero"] = np.asarray(random.integers(1, 100, many), kind)
    exact(opencl_device, one_node("DequantizeLinear", {"x": x}, constants, axis=axis or 0), {"x": x})


@pytest.mark.parametrize("opset", [13, 19, 21])
def test_every_opset(opencl_device: OpenClDevice, opset: int) -> None:
    x = random.normal(0, 3, (2, 4)).astype(np.float32)
    model = one_node("QuantizeLinear", {"x": x}, {"s": np.float32(0.1), "z": np.uint8(7)}, opset=opset)
    exact(opencl_device, model, {"x": x})


@pytest.mark.parametrize("x", [[[-1.0, 2.5, 3.0]], [[1.0, 2.0]], [[-4.0], [-1.0]], [[0.0, 0.0]], [[3.3]]])
def test_dynamic_quantise(opencl_device: OpenClDevice, x: list[list[float]]) -> None:
    values = np.array(x, np.float32)
    exact(opencl_device, one_node("DynamicQuantizeLinear", {"x": values}, outputs=3), {"x": values})


def test_dynamic_quantise_of_many(opencl_device: OpenClDevice) -> None:
    values = random.normal(0, 3, (4, 7, 33)).astype(np.float32)
    exact(opencl_device, one_node("DynamicQuantizeLinear", {"x": values}, outputs=3), {"x": values})


def test_what_has_no_kernel() -> None:
    x = np.ones((2, 4), np.float32)
    blocks = one_node(
        "QuantizeLinear", {"x": x}, {"s": np.ones((2, 2), np.float32), "z": np.ones((2, 2), np.int8)}, block_size=2
    )
    half = one_node("QuantizeLinear", {"x": x.astype(np.float16)}, {"s": np.float16(1), "z": np.int8(0)})
    for model, reason in ((blocks, "in blocks"), (half, "float32")):
        (node,) = ir.from_proto(model).graph
        assert reason in refusal(node)


def test_a_device_that_does_not_divide_exactly(opencl_device: OpenClDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    context: Context = opencl_device._opened()
    monkeypatch.setattr(context, "divides_exactly", False)
    model = one_node("QuantizeLinear", {"x": EDGES}, {"s": np.float32(1), "z": np.int8(0)})
    with pytest.raises(DeviceError, match="does not divide exactly"):
        run_on(opencl_device, model, {"x": EDGES})
