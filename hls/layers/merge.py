"""Merge (add, subtract, multiply, average, maximum, minimum), Broadcast and Concatenate (nnet_utils/nnet_merge.h,
nnet_stream.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers, exactly


def merge(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """One operation on each pair of values, without rounding before the result's type.

    hls4ml counts the values of both operands in row-major order and begins the smaller again where it ends: NumPy's
    broadcasting where that adds leading axes, and no broadcasting at all elsewhere.
    """
    first, second = operands
    operation = str(layer.attributes["op"]).lower()
    fraction = first.type.fraction + second.type.fraction
    common = max(first.type.fraction, second.type.fraction)
    bits = 2 + max(
        first.type.width + second.type.width if operation == "multiply" else 0,
        *(operand.type.width + common - operand.type.fraction for operand in operands),
    )
    values = [exactly(repeated(operand.raw, result.size), bits) for operand in operands]
    if operation == "multiply":
        return result.type.cast(values[0] * values[1], fraction).reshape(-1, *result.shape)
    left, right = (raw << (common - operand.type.fraction) for raw, operand in zip(values, operands, strict=True))
    match operation:
        case "add":
            merged = result.type.cast(left + right, common)
        case "subtract":
            merged = result.type.cast(left - right, common)
        case "average":  # times ap_ufixed<1,0>(0.5): one fraction bit more, nothing lost
            merged = result.type.cast(left + right, common + 1)
        case "maximum" | "minimum":
            chosen = left > right if operation == "maximum" else left < right
            merged = np.where(chosen, result.type.cast(left, common), result.type.cast(right, common))
        case _:
            raise NotImplementedError(f"layer {layer.name}: hls4ml has no merge {operation}: use another operation")
    return merged.reshape(-1, *result.shape)


def repeated(raw: Integers, size: int) -> Integers:
    """(N, ..) as (N, size), begun again as often as it takes."""
    flat = raw.reshape(len(raw), -1)
    return flat if flat.shape[1] == size else flat[:, np.arange(size) % flat.shape[1]]


def broadcast(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """An image of one pixel or of one channel, repeated (Vivado backend, io_stream)."""
    (data,) = operands
    return result.type.cast(np.broadcast_to(data.raw, (len(data.raw), *result.shape)), data.type.fraction)


def concatenate(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Join along an axis; hls4ml counts axes with the batch as axis 0."""
    axis = layer.attributes["axis"]
    assert isinstance(axis, int)
    return np.concatenate([result.type.cast(operand.raw, operand.type.fraction) for operand in operands], axis=axis)
