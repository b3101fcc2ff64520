"""Products of 8-bit integers, equal to ONNX Runtime's; and networks that its quantiser makes, whole on the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from device_runs import one_node, reference, run_on
from model_zoo import Sketch
from onnx import TensorProto

pytest.importorskip("pyopencl")

from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.gemm import EXACT
from weft.host.opencl.operators import refusal
from weft.host.opencl.tiles import SquareTile, StripTile, Tile

random = np.random.default_rng(0)
KINDS = [np.int8, np.uint8]


def whole(kind: Any, *shape: int) -> Any:
    limits = np.iinfo(kind)
    return random.integers(limits.min, limits.max, shape, kind, endpoint=True)


def exact(device: OpenClDevice, model: onnx.ModelProto, feeds: dict[str, Any]) -> None:
    (expected,), (found,) = reference(model, feeds).values(), run_on(device, model, feeds).values()
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k", "n"), [(1, 7, 5), (6, 700, 19), (3, 64, 16)])
@pytest.mark.parametrize("zeros", [None, "one", "column"])
def test_matmul_integer(opencl_device: OpenClDevice, kind: Any, m: int, k: int, n: int, zeros: str | None) -> None:
    a, b = whole(np.uint8, 2, m, k), whole(kind, k, n)
    constants: dict[str, Any] = {"b": b}
    if zeros:
        constants |= {"za": np.uint8(200), "zb": whole(kind, n) if zeros == "column" else np.asarray(kind(3))}
    exact(opencl_device, one_node("MatMulInteger", {"a": a}, constants), {"a": a})


def test_the_largest_sums_are_exact(opencl_device: OpenClDevice) -> None:
    """Every product is 255 * 255, and a panel's sum just fits into a float."""
    assert 255 * 255 * EXACT < 2**24
    a, b = np.full((5, 1000), 255, np.uint8), np.full((1000, 3), 255, np.uint8)
    exact(opencl_device, one_node("MatMulInteger", {"a": a, "b": b}), {"a": a, "b": b})


@pytest.mark.parametrize("tile", [StripTile(4, 2, 512), SquareTile(2)], ids=str)
def test_every_tile_is_exact(opencl_device: OpenClDevice, monkeypatch: pytest.MonkeyPatch, tile: Tile) -> None:
    """Of a processor and of a GPU."""
    context = opencl_device._opened()
    monkeypatch.setattr(context, "profile", replace(context.profile, tile=tile))
    a, b = whole(np.uint8, 9, 600), whole(np.int8, 600, 21)
    exact(opencl_device, one_node("MatMulInteger", {"a": a, "b": b}), {"a": a, "b": b})


@pytest.mark.parametrize("group", [1, 2, 4])
def test_conv_integer(opencl_device: OpenClDevice, group: int) -> None:
    x, weights = whole(np.uint8, 2, 4, 9, 8), whole(np.uint8, 8, 4 // group, 3, 3)
    constants = {"w": weights, "zx": np.uint8(9), "zw": np.uint8(5)}
    model = one_node("ConvInteger", {"x": x}, constants, group=group, pads=[1, 1, 1, 1], strides=[2, 1])
    exact(opencl_device, model, {"x": x})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [False, True])
def test_qlinear_matmul(opencl_device: OpenClDevice, kind: Any, columns: bool) -> None:
    a, b = whole(kind, 5, 70), whole(kind, 70, 12)
    b_scale = random.uniform(0.01, 0.02, 12 if columns else ()).astype(np.float32)
    constants: dict[str, Any] = {
        **{"sa": np.float32(0.02), "za": kind(3), "b": b, "sb": b_scale},
        **{"zb": np.zeros(12, kind) if columns else np.asarray(kind(1)), "sy": np.float32(0.5), "zy": kind(4)},
    }
    exact(opencl_device, one_node("QLinearMatMul", {"a": a}, constants), {"a": a})


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("channels", [False, True])
def test_qlinear_conv(opencl_device: OpenClDevice, group: int, bias: bool, channels: bool) -> None:
    x, weights = whole(np.uint8, 2, 4, 7, 8), whole(np.int8, 8, 4 // group, 3, 3)
    many = 8 if channels else ()
    constants: dict[str, Any] = {
        **{"sx": np.float32(0.02), "zx": np.uint8(3), "w": weights},
        **{"sw": random.uniform(0.01, 0.02, many).astype(np.float32), "zw": np.zeros(many, np.int8)},
        **{"sy": np.float32(0.15), "zy": np.uint8(128)},
    }
    if bias:
        constants["bias"] = random.integers(-5000, 5000, 8).astype(np.int32)
    exact(opencl_device, one_node("QLinearConv", {"x": x}, constants, group=group, pads=[1, 0, 1, 0]), {"x": x})


@pytest.mark.parametrize("kind", ["QLinearMatMul", "MatMulInteger"])
def test_what_has_no_kernel(kind: str) -> None:
    a = whole(np.uint8, 3, 4)
    if kind == "MatMulInteger":
        model = one_node(kind, {"a": a}, {"b": a.T, "za": np.zeros(3, np.uint8), "zb": np.uint8(0)})
    else:
        scales = {name: np.ones((), np.float32) for name in ("sa", "sb", "sy")}
        order = "a,sa,z,b,sb,z,sy,z"
        model = one_node(kind, {"a": a, **scales}, {"z": np.uint8(0), "b": a.T}, order=order)
    (node,) = ir.from_proto(model).graph
    assert "no OpenCL kernel" in refusal(node) or "constant scales" in refusal(node)


@pytest.mark.parametrize("form", ["QDQ", "QOperator", "dynamic"])
def test_networks_of_onnx_runtimes_quantiser(
    opencl_device: OpenClDevice, tmp_path: Path, form: Literal["QDQ", "QOperator", "dynamic"]
) -> None:
    """Every node of it has a kernel, and the result is ONNX Runtime's but for a step of the last quantiser."""
    from onnxruntime import quantization

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{"x": random.normal(size=(4, 3, 8, 8)).astype(np.float32)}]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    net = Sketch()
    x = net.node("Relu", net.node("Conv", "x", net.weight(8, 3, 3, 3), net.weight(8), pads=[1] * 4))
    x = net.node("Flatten", net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    x = net.node("MatMul", x, net.weight(128, 10))
    images = random.normal(size=(4, 3, 8, 8)).astype(np.float32)
    before, after = str(tmp_path / "float.onnx"), str(tmp_path / "quantised.onnx")
    onnx.save(net.model({"x": (TensorProto.FLOAT, ["N", 3, 8, 8])}, x), before)
    if form == "dynamic":
        quantization.quantize_dynamic(before, after)
    else:
        chosen = getattr(quantization.QuantFormat, form)
        quantization.quantize_static(before, after, Batches(), quant_format=chosen, per_channel=True)
    model = onnx.load(after)
    (expected,), (found,) = (
        run.values() for run in (reference(model, {"x": images}), run_on(opencl_device, model, {"x": images}))
    )
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()
