"""Products that take turns on multipliers: strategies Resource and its unrolled form at a reuse factor above 1."""

from __future__ import annotations

from math import ceil

import numpy as np

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType
from weft.sim.cost.dsp import NARROW_FACTOR, dsps_per_product
from weft.sim.cost.family import levels
from weft.sim.cost.model import Context
from weft.sim.cost.reading import WORD_BITS, reuse
from weft.sim.cost.shared_fabric import direct_logic, even_logic, vitis_logic, vivado_logic
from weft.sim.cost.storage import rom
from weft.sim.cost.timing import Products
from weft.sim.cost.tool import is_vitis


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
    resources = _logic(layer, weight, data, n_in, n_out, multipliers, context)
    first = rf + stages + 1
    if layer.kind == "Dense" and not context.stream and not is_vitis(context.tool):
        resources += _vivado_memory(weight, n_out, multipliers, turns, per_product, rf)
        first -= turns == 2 and not per_product
    else:
        resources += Resources(dsp=multipliers * per_product) + rom(multipliers * weight.type.width, rf)
    return Products(first, first + 1, rf, resources)


def _logic(
    layer: Layer, weight: Weight, data: FixedType, n_in: int, n_out: int, multipliers: int, context: Context
) -> Resources:
    """LUT and FF, by how the outputs share multipliers and by the tool."""
    per_product = dsps_per_product(data, weight.type, context.fabric, context.tool)
    turns, bits = ceil(reuse(layer) / max(1, n_in)), weight.type.width
    if layer.kind == "Dense" and not context.stream and turns > 1:
        if is_vitis(context.tool):
            return vitis_logic(n_in, n_out, multipliers, turns, bits)
        # A DSP's product is registered with the constant's bits at two turns (72 rows within 3.1 %) and as a word at
        # more (275 of 280 rows within 1 %), one in LUTs at more than two only (wa-hls4ml-search@8e70542).
        product_bits = WORD_BITS if per_product and turns > 2 else bits if per_product or turns > 2 else 0
        return vivado_logic(n_in, n_out, multipliers, turns, product_bits)
    soft = Resources(lut=0 if per_product else multipliers * bits * data.width)  # one LUT a partial-product bit
    if layer.kind == "Dense":
        return soft + direct_logic(data, weight.type, n_in, n_out, multipliers, context)
    return soft + even_logic(n_in, n_out, multipliers)


def _vivado_memory(weight: Weight, n_out: int, multipliers: int, turns: int, per_product: int, rf: int) -> Resources:
    """Vivado, Dense in io_parallel: multipliers, weights and, where outputs take turns, a table of whose turn it is."""
    last_bits = _last_bits(weight, n_out, multipliers)
    blocks = multipliers - (1 if last_bits <= NARROW_FACTOR else 0)
    index = rom(max(1, ceil(levels(turns))), rf).bram18 if turns > 1 else 0
    used = Resources(dsp=blocks * per_product, bram18=index)
    return used + rom((multipliers - 1) * weight.type.width + last_bits, rf)


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
