"""Merge (add, subtract, multiply, average, maximum, minimum) and Concatenate (nnet_utils/nnet_merge.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def merge(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """One operation on each pair of values, without rounding before the result's type."""
    first, second = operands
    operation = str(layer.attributes["op"]).lower()
    if first.raw.shape != second.raw.shape:
        raise NotImplementedError(f"layer {layer.name}: broadcasting in {operation} is not simulated exactly yet")
    if operation == "multiply":
        return result.type.cast(first.raw * second.raw, first.type.fraction + second.type.fraction)
    common = max(first.type.fraction, second.type.fraction)
    left, right = (operand.raw << (common - operand.type.fraction) for operand in operands)
    match operation:
        case "add":
            return result.type.cast(left + right, common)
        case "subtract":
            return result.type.cast(left - right, common)
        case "average":  # times ap_ufixed<1,0>(0.5): one fraction bit more, nothing lost
            return result.type.cast(left + right, common + 1)
        case "maximum" | "minimum":
            chosen = left > right if operation == "maximum" else left < right
            taken = [result.type.cast(operand.raw, operand.type.fraction) for operand in operands]
            return np.where(chosen, taken[0], taken[1])
    raise NotImplementedError(f"layer {layer.name}: merge {operation} is not simulated exactly yet")


def concatenate(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Join along an axis; hls4ml counts axes with the batch as axis 0."""
    axis = layer.attributes["axis"]
    assert isinstance(axis, int)
    return np.concatenate([result.type.cast(operand.raw, operand.type.fraction) for operand in operands], axis=axis)
