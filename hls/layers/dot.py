"""Dot (nnet_utils/nnet_merge.h, dot1d): every product is cast to the accumulator's type, then added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import in_order
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly


def dot(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The scalar product of two vectors, added in ascending order."""
    first, second = operands
    check_plain_product(layer, second.type)
    accumulator = accumulator_type(layer)
    left, right = (exactly(operand.raw, first.type.width + second.type.width + 1) for operand in operands)
    products = accumulator.cast(left * right, first.type.fraction + second.type.fraction)
    total = in_order(np.zeros(len(products), np.int64), iter(products.T), accumulator)
    return result.type.cast(total[:, None], accumulator.fraction)


def check_plain_product(layer: Layer, second: FixedType) -> None:
    """Refuse what hls4ml may multiply by with its product for ternary values, to which -2 is 1."""
    if (second.width, second.integer, second.signed) == (2, 2, True):
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml multiplies by {second} as by -1, 0 or 1 only: give it three bits"
        )
