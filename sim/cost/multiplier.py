"""Products: which go to a DSP block, which to LUTs, and the fabric of an array of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np

from weft.boards.errors import InputError, WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType, Integers
from weft.sim.cost.model import Context, Fabric, is_vitis, levels, reuse
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

# A fully partitioned array ends at 4,096 elements (FACTS: hls4ml).
_PARTITION_LIMIT = 4096

# hls4ml's default accumulator, ap_fixed<16,6>, which the published rows have.
_WORD_BITS = 16


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


@lru_cache(maxsize=256)
def _digits_of(weight: Weight) -> Integers:
    """`signed_digits`, once a weight: a plan estimates one design a hundred times."""
    return signed_digits(weight.raw)


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
    digits = _digits_of(weight)
    count, nonzero = digits.size, int(np.count_nonzero(digits))
    per_product = dsps_per_product(data, weight.type, context.fabric)
    hard = int(np.count_nonzero(digits >= _DSP_DIGITS)) if per_product else 0
    factor = reuse(layer)
    # hls4ml's own bound, an ALLOCATION pragma: DIV_ROUNDUP(n_in * n_out, RF) - n_zeros / RF.
    limit = max(1, ceil(count / factor) - (count - nonzero) // factor)
    fabric = context.fabric
    start_ns = fabric.multiply_ns if hard else fabric.adjust_ns if (digits > 1).any() else 0.0
    depth = context.registers(start_ns + fabric.add_ns * _additions(digits, n_out, layer.kind == "Dense"))
    stages = depth
    if not is_vitis(context.tool) and factor > depth + 1 and depth:
        depth += 1  # Vivado registers the sums of a function that is no pipeline: 2 for 1 cycle (Dense 32-32, 4 bits)
    # Where DSPs are shared, their turns take over: 484 cycles for 964 products on 2 (Dense 32-32, reuse 512), 25 and 14
    # for 89 on 4 and 188 on 16 (hls4ml_MLP_estimator@72e2e22e, 5 ns): the turns, and the half of the depth after them.
    best = depth if hard <= limit else max(depth, ceil(hard / limit) + max(2, ceil(depth / 2)))
    # A pipeline slower than its own latency is no pipeline: the interval ends at latency + 1 (36 of 38 rows, FACTS).
    # Resource at reuse 1 is none either in Vivado HLS: 2 for 1 cycle, 1 for 0 (21 of 21, wa-hls4ml-search@8e70542).
    loop = not is_vitis(context.tool) and layer.strategy.lower() == "resource"
    interval = best + 1 if loop else min(factor, best + 1)
    lut = _constant_lut(digits, hard > 0, nonzero, data, weight.type)
    ff = _constant_ff(weight, n_out, nonzero, data, stages, factor, hard > limit)
    return Products(best, best, interval, Resources(lut=lut, ff=ff, dsp=min(hard, limit) * per_product))


def _additions(digits: Integers, n_out: int, whole: bool) -> float:
    """Additions one after another: a tree's levels, or a chain's links where HLS gives up balancing.

    Above 4,096 products the sums are chains, still one sample a cycle: 48 cycles for 105 products an output and 192 for
    342 on average (196-56 and 561-20, hls4ml_MLP_estimator@72e2e22e), against 5 for 31 of 64-64, which has 4,096. A
    convolution's are trees: 6,144 products take 7 cycles a pixel (conv1d 192-32, HG-DREAM@274dba6e).
    """
    if whole and digits.size > _PARTITION_LIMIT:
        return float(np.count_nonzero(digits.reshape(-1, max(1, n_out)), axis=0).max())
    return levels(ceil(int(np.count_nonzero(digits)) / max(1, n_out)))


def _constant_lut(digits: Integers, dsp: bool, nonzero: int, data: FixedType, constant: FixedType) -> int:
    """LUT of constant products and their sums.

    One adder for every term, about data + weight/2 bits wide: 17.5, 19.4 and 18.3 LUT an adder are published at 2, 4
    and 6 weight bits and 16 data bits (Dense 32-32 without DSP, wa-hls4ml-search@8e70542).
    """
    in_lut = digits[digits < _DSP_DIGITS] if dsp else digits
    adders = int(in_lut.sum()) + (nonzero - int(np.count_nonzero(in_lut)))
    return round(adders * (data.width + constant.width / 2))


def _constant_ff(
    weight: Weight, n_out: int, nonzero: int, data: FixedType, depth: int, factor: int, shared: bool
) -> int:
    """FF of constant products: the inputs, and 16-bit words between stages.

    514 for 32 inputs without a stage (32-32 and 32-64, 2 bits). Words a product: 0.17 at depth 1 (32-32 and 32-64,
    wa-hls4ml-search@8e70542); 0.9 to 1.1, 1.0 to 1.4, 1.6, 1.8 at depth 4, 5, 6, 7 and no more where sums are chains
    (hls4ml_MLP_estimator@72e2e22e). A quarter less at reuse 2 and more; 0.6 to 0.75 where DSPs are shared (both).
    """
    words = 0.0 if depth == 0 else 0.17 + 0.25 * (min(depth, 7) - 1)
    if factor > 1:
        words *= 0.75
    if shared:
        words = max(words, 0.7)
    n_in = weight.raw.size // max(1, n_out)
    return round(n_in * data.width + nonzero * words * _WORD_BITS)


def _shared_products(
    layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, context: Context
) -> Products:
    """Resource: ceil(products / RF) multipliers take turns through a weight memory of RF words.

    Cycles RF + 1 to RF + 2: exact on 165 published stacks (Vitis HLS 2023.2) and 466 of 496 single layers (Vivado HLS
    2020.1, wa-hls4ml-search@8e70542); the other 30 have two outputs a multiplier and 2 or 4 bit weights, where the
    product needs no stage of its own, one less. Vivado's loop rewinds, so its interval is RF (496 of 496); Vitis'
    does not.
    """
    rf = reuse(layer)
    multipliers = ceil(int(weight.raw.size) / rf)
    per_product = dsps_per_product(data, weight.type, context.fabric)
    # A product's own stages: 36 to 37 cycles at reuse 32 and 74 to 75 of a stream at 64 on xc7z020 (Vivado HLS 2020.1),
    # none on UltraScale+ (xcu50: 40 to 41 at 32).
    stages = context.registers(context.fabric.multiply_ns) if per_product else 0
    turns = ceil(rf / max(1, n_in))  # outputs that take turns on one multiplier
    width = multipliers * weight.type.width
    alone = layer.kind == "Dense" and not context.stream
    if alone and is_vitis(context.tool):
        logic = _vitis_logic(n_in, n_out, multipliers, weight.type.width) + Resources(dsp=multipliers * per_product)
        return Products(rf + stages + 1, rf + stages + 2, rf, logic + rom(width, rf))
    if not alone:
        logic = _shared_logic(n_in, n_out, multipliers)
        soft = 0 if per_product else width * data.width  # one LUT a partial-product bit
        resources = logic + Resources(lut=soft, dsp=multipliers * per_product) + rom(width, rf)
        return Products(rf + stages + 1, rf + stages + 2, rf, resources)
    # Two outputs in turns and a product of LUTs: one stage less, and no register for the product.
    short = turns == 2 and not per_product
    product_bits = 0 if short else _WORD_BITS if per_product else weight.type.width
    logic = _vivado_logic(n_in, n_out, multipliers, turns, product_bits)
    index = rom(max(1, ceil(levels(turns))), rf) if rf > n_in else Resources()
    resources = logic + Resources(dsp=multipliers * per_product, bram18=index.bram18) + rom(width, rf)
    first = rf + stages + (0 if short else 1)
    return Products(first, first + 1, rf, resources)


def _shared_logic(n_in: int, n_out: int, multipliers: int) -> Resources:
    """Convolutions and streams, and Dense whose input takes no turns: fitted.

    LUT = 56 n_in + 46 n_out + 25 multipliers, FF = 39 n_in + 44 n_out + multipliers / 2: least squares of the relative
    error over 165 stacks (jdweitz/wa-hls4ml, Vitis HLS 2023.2) and 26 single layers of older tools, weighed alike.
    Median error on 20 streamed conv2d: LUT 29 %, FF 29 %.
    """
    return Resources(
        lut=56 * n_in + 46 * n_out + 25 * multipliers,
        ff=39 * n_in + 44 * n_out + multipliers // 2,
    )


def _vitis_logic(n_in: int, n_out: int, multipliers: int, weight_bits: int) -> Resources:
    """Vitis, Dense in io_parallel: a choice among inputs, a sum an output, a product a multiplier.

    Coefficients: least absolute relative error over 165 stacks of two and three layers at 2 to 16 bits
    (jdweitz/wa-hls4ml, Vitis HLS 2023.2): median LUT 3.4 %, FF 4.7 %, 90th percentile 12 and 13 %. They are of after
    synthesis, so narrow products in LUTs and weights that HLS moved there are within them.
    """
    return Resources(
        lut=round(28.2 * n_in + (85 + 0.83 * weight_bits) * n_out + 20.9 * multipliers * weight_bits),
        ff=round(35.2 * n_in + 53.8 * n_out + 7.2 * multipliers),
    )


def _vivado_logic(n_in: int, n_out: int, multipliers: int, turns: int, product_bits: int) -> Resources:
    """Vivado: multiplexers and registers of 16-bit sums, within 1 % on most of 496 rows (wa-hls4ml-search@8e70542).

    A multiplier that serves more than two outputs reads its sum through a multiplexer over all of them, padded to a
    power of two: 5.66 LUT a 16-bit word, near the 16/3 that a tree of 4:1 LUTs takes (22,998 to 107,679 LUT for 128-128
    to 256-256 at reuse 1024). 32 LUT an input and 4,700 in all are what is left; writing costs 8 LUT an output at 4
    turns and 16 to 20 at 8 and more; at 2 turns an output's own two-way choice costs 44.5. FF: a sum an output, a
    product a multiplier, 107 for the loop.
    """
    if turns <= 1:
        return _shared_logic(n_in, n_out, multipliers)
    padded = 1 << ceil(levels(n_out))
    outputs = 44.5 * n_out if turns == 2 else 5.66 * multipliers * padded + min(20, 2 * turns) * n_out
    return Resources(lut=round(4700 + 32 * n_in + outputs), ff=_WORD_BITS * n_out + product_bits * multipliers + 107)
