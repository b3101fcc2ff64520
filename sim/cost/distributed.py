"""Distributed arithmetic: a constant matrix as a graph of shifts and additions, without multipliers."""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType
from weft.sim.cost.constants import signed_digits
from weft.sim.cost.model import Context
from weft.sim.cost.reading import reuse
from weft.sim.cost.timing import Products

# da4ml 0.6 with hls4ml 1.3's settings (adder size 1, two levels above the fewest) on 16 matrices from 8x8 to 64x64 of
# 2 to 8 bits. Additions left of n signed digits once common subexpressions are shared: 0.875 n^0.923 within 12 % (98 of
# 166 digits, 761 of 1,509, 4,913 of 11,505; 15 and 25 % low where 50 and 80 % of the weights are zero). Bits of an
# addition: data + 2 + weight / 5 (10.2, 10.6, 11.2, 11.7 at 2, 4, 6, 8 weight and 8 data bits; 8.7 at 6 and 6, 19.3 at
# 8 and 16). No synthesis report has been found to check them with; that LUTs are about the sum of these bits is the
# paper's (arXiv 2507.04535).
_SHARED_SCALE, _SHARED_POWER = 0.875, 0.923
_ADDED_BITS, _ADDED_BITS_PER_WEIGHT_BIT = 2.0, 0.2

# hls4ml's DA_HARD_DC: da4ml may take two levels more than the fewest; it took 0, 1 and 2 on 5, 8 and 3 of the 16.
_LEVELS_MORE = 2


def distributed_products(layer: Layer, weight: Weight, data: FixedType, n_out: int, context: Context) -> Products:
    """An adder graph that takes a sample every cycle. Raises InputError for a reuse factor above 1, as hls4ml does."""
    if reuse(layer) != 1:
        raise InputError(f"layer {layer.name}: distributed arithmetic needs reuse factor 1, not {layer.reuse_factor}")
    digits = signed_digits(weight.raw).reshape(-1, max(1, n_out)).sum(axis=0)  # of every output
    fewest = ceil(log2(max(1, int(digits.max(initial=0)))))
    terms = int(digits.sum())
    adders = min(terms - int(np.count_nonzero(digits)), round(_SHARED_SCALE * terms**_SHARED_POWER))
    bits = data.width + _ADDED_BITS + _ADDED_BITS_PER_WEIGHT_BIT * weight.type.width
    most = fewest + (_LEVELS_MORE if adders else 0)
    best, worst = (context.registers(context.fabric.tree_ns * depth) for depth in (fewest, most))
    # An addition's result waits at the registers of its level: additions over levels, at every register.
    held = worst * adders / max(1, most)
    return Products(best, worst, 1, Resources(lut=round(adders * bits), ff=round(held * bits)))
