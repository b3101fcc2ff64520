"""Products: which go to a DSP block, which to LUTs, and the fabric of an array of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from weft.boards.errors import InputError, WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType, Integers
from weft.sim.cost.model import Context, Fabric, levels, reuse
from weft.sim.cost.storage import rom

# A product this narrow, signs included, stays in LUTs: unsigned 6 x 8 bits have no DSP (Vitis HLS 2023.1,
# HG-DREAM@274dba6e) and 8 x 8 have (2021.1, hls4ml_MLP_estimator@72e2e22e); 16 x 4 bits have none and 16 x 6 have
# (Vivado HLS 2020.1, wa-hls4ml-search@8e70542).
_NARROW_SUM = 15
_NARROW_FACTOR = 4

# A constant of this many nonzero signed digits is worth a DSP; fewer are shifts and adds. For weights uniform in
# -0.25 to 0.25 that is 0.66, 0.86, 0.95 of all products at 10, 12, 14 bits; published: 0.66, 0.86, 0.94 (Dense 32-32,
# wa-hls4ml-search@8e70542).
_DSP_DIGITS = 3

# A fully partitioned array ends at 4,096 elements (FACTS: hls4ml). Beyond, Latency was seen to take 48 and 192 cycles.
_PARTITION_LIMIT = 4096
_PARTITION_PENALTY_CYCLES = 192


@dataclass(frozen=True)
class Products:
    """An array of multipliers and adders: cycles from operands to sums (best, worst), cycles between starts, fabric."""

    best: int
    worst: int
    interval: int
    resources: Resources


def dsps_per_product(a: FixedType, b: FixedType, fabric: Fabric) -> int:
    """DSP blocks of one product, 0 where it stays in LUTs.

    A 32x32-bit product takes 4 DSP48E1 (published 30 for 8, AutoEncoder_hls4ml@dd6f3c2171, xc7z020).
    """
    narrow, wide = sorted((a.width + (not a.signed), b.width + (not b.signed)))
    if narrow <= _NARROW_FACTOR or narrow + wide <= _NARROW_SUM:
        return 0
    # Tiles share one sign, so every tile but the sign's carries one bit less than the DSP's signed operand.
    return ceil((wide - 1) / (fabric.dsp_wide - 1)) * ceil((narrow - 1) / (fabric.dsp_narrow - 1))


def signed_digits(raw: Integers) -> Integers:
    """Nonzero digits of each integer in canonical signed-digit form, the number of shifted terms it takes."""
    magnitude = np.abs(np.asarray(raw, np.int64)).astype(np.uint64).ravel()
    changed = (magnitude ^ (magnitude * np.uint64(3))).astype("<u8")
    digits: Integers = np.unpackbits(changed.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1, dtype=np.int64)
    return digits


def weight_of(layer: Layer, name: str = "weight") -> Weight:
    """A layer's constant. Raises InputError if the design lacks it."""
    if name not in layer.weights:
        raise InputError(f"layer {layer.name} ({layer.kind}) has no weight {name!r}: the design is damaged")
    return layer.weights[name]


def products(layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, context: Context) -> Products:
    """`n_in` values times `weight`, summed into `n_out` values, by the layer's strategy and reuse factor.

    `weight.raw` holds every product's constant (n_in * n_out of them, or fewer where outputs see part of the input).
    """
    strategy = layer.strategy.lower()
    if strategy not in ("latency", "resource"):
        raise WeftError(f"layer {layer.name}: strategy {layer.strategy!r} has no cost model: use latency or resource")
    if strategy == "latency" or reuse(layer) == 1:  # Resource at reuse 1 behaves like Latency (FACTS, section 2)
        return _constant_products(layer, weight, data, n_out, context)
    return _shared_products(layer, weight, data, n_in, n_out, context)


def _constant_products(layer: Layer, weight: Weight, data: FixedType, n_out: int, context: Context) -> Products:
    """Latency: every product has its own constant, so zeros vanish and simple constants become shifts and adds."""
    digits = signed_digits(weight.raw)
    count, nonzero = digits.size, int(np.count_nonzero(digits))
    per_product = dsps_per_product(data, weight.type, context.fabric)
    hard = int(np.count_nonzero(digits >= _DSP_DIGITS)) if per_product else 0
    # hls4ml's own bound, an ALLOCATION pragma: DIV_ROUNDUP(n_in * n_out, RF) - n_zeros / RF.
    limit = max(1, ceil(count / reuse(layer)) - (count - nonzero) // reuse(layer))
    busiest = ceil(nonzero / max(1, n_out))
    fabric = context.fabric
    start_ns = fabric.multiply_ns if hard else fabric.adjust_ns if (digits > 1).any() else 0.0
    depth = context.registers(start_ns + fabric.add_ns * levels(busiest))
    # Where DSPs are shared, their turns take over: 484 cycles for 964 products on 2 (Dense 32-32, reuse 512).
    best = depth if hard <= limit else max(depth, ceil(hard / limit) + 2)
    worst = best + (_PARTITION_PENALTY_CYCLES if count > _PARTITION_LIMIT else 0)
    # A pipeline slower than its own latency is no pipeline: the interval ends at latency + 1 (36 of 38 rows, FACTS).
    interval = min(reuse(layer), best + 1)
    lut, ff = _constant_logic(digits, hard > 0, nonzero, data, weight.type, n_out, best)
    return Products(best, worst, interval, Resources(lut=lut, ff=ff, dsp=min(hard, limit) * per_product))


def _constant_logic(
    digits: Integers, dsp: bool, nonzero: int, data: FixedType, constant: FixedType, n_out: int, depth: int
) -> tuple[int, int]:
    """LUT and FF of constant products and their sums.

    One adder for every term, about data + weight/2 bits wide: 17.5, 19.4 and 18.3 LUT an adder are published at 2, 4
    and 6 weight bits and 16 data bits (Dense 32-32 without DSP, wa-hls4ml-search@8e70542). FF: a quarter of the terms
    is live in each stage; 4,532 for a published 2,692 at 1 stage, 10,964 for 22,630 at 6: a factor of 2 either way.
    """
    in_lut = digits[digits < _DSP_DIGITS] if dsp else digits
    adders = int(in_lut.sum()) + (nonzero - int(np.count_nonzero(in_lut)))
    return round(adders * (data.width + constant.width / 2)), n_out * data.width + depth * nonzero * data.width // 4


def _shared_products(
    layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, context: Context
) -> Products:
    """Resource: ceil(products / RF) multipliers take turns through a weight memory of RF words.

    Cycles RF + 1 to RF + 2, DSP exact on 92 of 92 published stacks at 8 bits and more (Vitis HLS 2023.2).
    LUT = 56 n_in + 46 n_out + 25 multipliers, FF = 39 n_in + 44 n_out + multipliers / 2: least squares of the relative
    error over 165 stacks of two and three layers and 26 single layers of older tools, weighed alike. Median error on
    those same rows: LUT 20 % on stacks (R 0.88) and 49 % on single layers, FF 9 % (R 0.98) and 39 %.
    """
    rf = reuse(layer)
    count = int(weight.raw.size)
    multipliers = ceil(count / rf)
    per_product = dsps_per_product(data, weight.type, context.fabric)
    soft = 0 if per_product else multipliers * data.width * weight.type.width  # one LUT a partial-product bit
    logic = Resources(
        lut=56 * n_in + 46 * n_out + 25 * multipliers + soft,
        ff=39 * n_in + 44 * n_out + multipliers // 2,
        dsp=multipliers * per_product,
    )
    return Products(rf + 1, rf + 2, rf, logic + rom(multipliers * weight.type.width, rf))
