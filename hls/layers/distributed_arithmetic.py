"""Strategy distributed_arithmetic: da4ml writes each matrix product as shifts and additions that lose no bit, so that
the sum is exact and only the result's type rounds it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Weight
from weft.hls.layers.operand import Operand
from weft.hls.layers.quantiser import quantised
from weft.hls.precision import exactly


def exact_sums(layer: Layer, rows: Operand, weight: Weight, bias: Weight, which: int = 0) -> tuple[NDArray[Any], int]:
    """Sums (M, n_out) of `rows` (M, n_in) times `weight` (n_in, n_out) plus `bias`, and their fraction bits.

    Where the layer's kernel number `which` casts its inputs, `rows` go through its quantiser first.
    """
    data, fraction = rows.raw, rows.type.fraction
    width = rows.type.width
    if "quantiser" in layer.weights:
        data, fraction = quantised(layer, rows, layer.weights["quantiser"].raw[which])
        width += max(0, fraction - rows.type.fraction)
    product = fraction + weight.type.fraction
    common = max(product, bias.type.fraction)
    bits = width + weight.type.width + len(weight.raw).bit_length() + common - product + 1
    bits = max(bits, bias.type.width + common - bias.type.fraction + 1)
    total = exactly(data, bits) @ exactly(weight.raw, bits) << (common - product)
    return total + (exactly(bias.raw, bits) << (common - bias.type.fraction)), common


def without_bias(weight: Weight) -> Weight:
    """A bias of zeros for `weight` (.., n_out): what EinsumDense gives da4ml."""
    return Weight(np.zeros(weight.raw.shape[-1], np.int64), weight.type)
