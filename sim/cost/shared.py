"""Products that take turns on multipliers: strategies Resource and its unrolled form at a reuse factor above 1."""

from __future__ import annotations

from math import ceil

import numpy as np

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType
from weft.sim.cost.dsp import NARROW_FACTOR, dsps_per_product
from weft.sim.cost.model import WORD_BITS, Context, Products, is_vitis, levels, reuse
from weft.sim.cost.storage import rom


def shared_products(layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, context: Context) -> Products:
    """Resource: ceil(products / RF) multipliers take turns through a weight memory of RF words.

    Cycles RF + 1 to RF + 2: exact on 165 published stacks (Vitis HLS 2023.2) and 466 of 496 single layers (Vivado HLS
    2020.1, wa-hls4ml-search@8e70542); the other 30 have two outputs a multiplier and 2 or 4 bit weights, where the
    product needs no stage of its own, one less. Vivado's loop rewinds, so its interval is RF (496 of 496); Vitis'
    does not.
    """
    rf, multipliers = reuse(layer), _multipliers(layer, weight, n_out)
    per_product = dsps_per_product(data, weight.type, context.fabric, context.tool)
    # A product's own stages: 36 to 37 cycles at reuse 32 and 74 to 75 of a stream at 64 on xc7z020 (Vivado HLS 2020.1),
    # none on UltraScale+ (xcu50: 40 to 41 at 32).
    stages = context.registers(context.fabric.multiply_ns) if per_product else 0
    turns = ceil(rf / max(1, n_in))  # outputs that take turns on one multiplier
    alone, vitis = layer.kind == "Dense" and not context.stream, is_vitis(context.tool)
    if not alone:
        logic = _shared_logic(n_in, n_out, multipliers)
        soft = 0 if per_product else multipliers * weight.type.width * data.width  # one LUT a partial-product bit
        resources = (
            logic + Resources(lut=soft, dsp=multipliers * per_product) + rom(multipliers * weight.type.width, rf)
        )
    elif vitis:
        resources = _vitis_logic(n_in, n_out, multipliers, turns, weight.type.width)
        resources += Resources(dsp=multipliers * per_product) + rom(multipliers * weight.type.width, rf)
    else:
        resources = _vivado_dense(weight, n_in, n_out, multipliers, turns, per_product, rf)
    first = rf + stages + (0 if alone and not vitis and turns == 2 and not per_product else 1)
    return Products(first, first + 1, rf, resources)


def _vivado_dense(
    weight: Weight, n_in: int, n_out: int, multipliers: int, turns: int, per_product: int, rf: int
) -> Resources:
    """Vivado, Dense in io_parallel: logic, multipliers, the weights and, where outputs take turns, a table of whose
    turn it is.

    A DSP's product is registered with the constant's bits at two turns (72 rows within 3.1 %) and as a word at more
    (275 of 280 rows within 1 %), one in LUTs at more than two only (wa-hls4ml-search@8e70542).
    """
    last_bits = _last_bits(weight, n_out, multipliers)
    product_bits = WORD_BITS if per_product and turns > 2 else weight.type.width if per_product or turns > 2 else 0
    index = rom(max(1, ceil(levels(turns))), rf) if rf > n_in else Resources()
    blocks = multipliers - (1 if last_bits <= NARROW_FACTOR else 0)
    used = Resources(dsp=blocks * per_product, bram18=index.bram18)
    memory = rom((multipliers - 1) * weight.type.width + last_bits, rf)
    return _vivado_logic(n_in, n_out, multipliers, turns, product_bits) + used + memory


def _multipliers(layer: Layer, weight: Weight, n_out: int) -> int:
    """One for every RF products; unrolled Resource leaves out those whose constants are all zero.

    That is hls4ml's own bound on the multipliers of the code it generates (an ALLOCATION pragma); everything else is
    taken to be as in Resource, whose loop that code spells out. No synthesis report of it has been found.
    """
    count = ceil(weight.raw.size / reuse(layer))
    if layer.strategy.lower() != "resource_unrolled" or weight.raw.size % count:
        return count
    turns = weight.raw.reshape(-1, max(1, n_out)).T.reshape(count, -1)  # hls4ml stores the outputs first
    return max(1, int(np.count_nonzero(turns.any(axis=1))))


def _last_bits(weight: Weight, n_out: int, multipliers: int) -> int:
    """Bits that the last multiplier's constants need, whatever their type.

    The multipliers' constants lie side by side in one word of the memory, and Vivado HLS knows the range of the word's
    top. So there is one DSP less where 6-bit weights need 4 bits (all 64 rows of 64 inputs and more), none less where
    they need 5 (all 8 rows of 32 inputs), and the memory is narrower by what the last constants do not need
    (wa-hls4ml-search@8e70542).
    """
    if weight.raw.size % multipliers:
        return weight.type.width
    last = weight.raw.reshape(-1, max(1, n_out)).T.reshape(multipliers, -1)[-1]
    largest = max(int(last.max()), -int(last.min()) - 1)
    return min(weight.type.width, max(1, largest.bit_length() + weight.type.signed))


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


def _vitis_logic(n_in: int, n_out: int, multipliers: int, turns: int, bits: int) -> Resources:
    """Vitis, Dense in io_parallel: a choice among inputs, a sum an output, and a multiplexer of sums.

    The multiplexer is Vivado's (`_vivado_logic`): 0.226 LUT a bit and output, padded to a power of two, where that has
    0.354 before synthesis; where a multiplier serves one or two outputs there is none, which no published row shows.
    Coefficients: least absolute relative error over 165 stacks of two and three layers at 2 to 16 bits and 8 to 128
    turns (jdweitz/wa-hls4ml, Vitis HLS 2023.2): median LUT 3.4 %, FF 4.7 %, 90th percentile 11 and 13 %. They are of
    after synthesis, so narrow products in LUTs and weights that HLS moved there are within them.
    """
    if turns <= 1:
        return _shared_logic(n_in, n_out, multipliers)
    multiplexers = 0.226 * multipliers * bits * _padded(n_out) if turns > 2 else 0.0
    return Resources(
        lut=round(31.5 * n_in + (80.7 + 0.95 * bits) * n_out + multiplexers),
        ff=round(35.2 * n_in + 53.8 * n_out + 7.2 * multipliers),
    )


def _padded(n_out: int) -> int:
    """The next power of two."""
    return 1 << ceil(levels(n_out))


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
    outputs = 44.5 * n_out if turns == 2 else 5.66 * multipliers * _padded(n_out) + min(20, 2 * turns) * n_out
    return Resources(lut=round(4700 + 32 * n_in + outputs), ff=WORD_BITS * n_out + product_bits * multipliers + 107)
