"""Products with weights of 4 and 8 bits, against NumPy on the unpacked weights and against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import one_node, run_on

pytest.importorskip("pyopencl")

from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.operators import refusal

random = np.random.default_rng(0)


def packed(values: Any, axis: int = -1) -> Any:
    """4-bit values two to a byte, the even one in the lower half."""
    pairs = np.moveaxis(values, axis, -1)
    pairs = np.pad(pairs, [(0, 0)] * (pairs.ndim - 1) + [(0, pairs.shape[-1] % 2)])
    return np.moveaxis((pairs[..., 0::2] | pairs[..., 1::2] << 4).astype(np.uint8), -1, axis)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 9])
@pytest.mark.parametrize(("depth", "width", "block"), [(64, 24, 32), (96, 17, 16), (48, 5, 32)])
def test_matmul_nbits(
    opencl_device: OpenClDevice,
    same_as_onnx_runtime: Any,
    bits: int,
    zeros: bool,
    rows: int,
    depth: int,
    width: int,
    block: int,
) -> None:
    blocks = -(-depth // block)
    quantised = random.integers(0, 2**bits, (width, blocks, block), dtype=np.uint8)
    scales = random.normal(0, 0.1, (width, blocks)).astype(np.float32)
    points = (
        random.integers(0, 2**bits, (width, blocks), dtype=np.uint8) if zeros else np.full_like(scales, 2 ** (bits - 1))
    )
    unpacked = ((quantised - points[..., None].astype(np.float32)) * scales[..., None]).reshape(width, -1)[:, :depth]
    a = random.normal(size=(1, rows, depth)).astype(np.float32)
    constants = {"b": packed(quantised) if bits == 4 else quantised, "s": scales.reshape(-1)}
    if zeros:
        constants["z"] = (packed(points) if bits == 4 else points).reshape(-1)
    attributes: dict[str, Any] = {"K": depth, "N": width, "bits": bits, "block_size": block}
    model = one_node("MatMulNBits", {"a": a}, constants, domain="com.microsoft", **attributes)
    (found,) = run_on(opencl_device, model, {"a": a}).values()
    np.testing.assert_allclose(found, a @ unpacked.T, rtol=1e-4, atol=1e-4)
    if bits == 4:  # ONNX Runtime 1.32's processor kernels may round what they multiply
        same_as_onnx_runtime(model, {"a": a})


def test_with_a_bias(opencl_device: OpenClDevice) -> None:
    a, bias = random.normal(size=(2, 32)).astype(np.float32), random.normal(size=8).astype(np.float32)
    constants: dict[str, Any] = {"b": np.full((8, 1, 16), 0x99, np.uint8), "s": np.ones(8, np.float32), "c": bias}
    attributes: dict[str, Any] = {"K": 32, "N": 8, "bits": 4, "block_size": 32}
    model = one_node("MatMulNBits", {"a": a}, constants, order="a,b,s,,,c", domain="com.microsoft", **attributes)
    (found,) = run_on(opencl_device, model, {"a": a}).values()
    np.testing.assert_allclose(found, np.repeat(a.sum(axis=1, keepdims=True), 8, axis=1) + bias, rtol=1e-5, atol=1e-5)


def test_what_stays_elsewhere() -> None:
    a = np.zeros((1, 36), np.float32)
    constants: dict[str, Any] = {"b": np.zeros((8, 2, 16), np.uint8), "s": np.ones(16, np.float32)}
    attributes: dict[str, Any] = {"K": 36, "N": 8, "bits": 4, "block_size": 32}
    model = one_node("MatMulNBits", {"a": a}, constants, domain="com.microsoft", **attributes)
    assert "multiples of 8" in refusal(next(iter(ir.from_proto(model).graph)))
