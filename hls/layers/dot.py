"""Dot (nnet_utils/nnet_merge.h, dot1d): every product is cast to the accumulator's type, then added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers


def dot(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The scalar product of two vectors, added in ascending order."""
    first, second = operands
    check_plain_product(layer, first.type, second.type)
    accumulator = accumulator_type(layer)
    products = accumulator.cast(first.raw * second.raw, first.type.fraction + second.type.fraction)
    return result.type.cast(in_order(products, accumulator)[:, None], accumulator.fraction)


def in_order(terms: Integers, accumulator: FixedType) -> Integers:
    """Sum over the last axis of raw accumulator values, as `+=` does it: a saturating type clips at every step."""
    if accumulator.overflow == "WRAP":
        return accumulator.overflowed(terms.sum(axis=-1))
    total = np.zeros(terms.shape[:-1], np.int64)
    for step in range(terms.shape[-1]):
        total = accumulator.overflowed(total + terms[..., step])
    return total


def check_plain_product(layer: Layer, first: FixedType, second: FixedType) -> None:
    """Refuse pairs for which hls4ml may choose another product than multiplication (binary and ternary types)."""
    if min(first.width, second.width) < 3:
        raise NotImplementedError(f"layer {layer.name}: products of {first} and {second} are not simulated exactly")
    if first.width + second.width > 64:
        raise NotImplementedError(f"layer {layer.name}: products of {first} and {second} are wider than 64 bits")
