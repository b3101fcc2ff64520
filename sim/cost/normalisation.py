"""BatchNormalization and ApplyAlpha: one product and one sum a value. LayerNormalization: over each row of values."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.constants import signed_digits
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.family import levels
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import products, weight_of
from weft.sim.cost.reading import attribute_type, beats, channels, reuse, whole
from weft.sim.cost.storage import rom
from weft.sim.cost.timing import Cost, at_once, streamed


def normalisation(layer: Layer, context: Context) -> Cost:
    """Scale and shift. hls4ml builds them with constants whatever the strategy, one pixel every RF cycles in io_stream.

    A loop slower than its own body is no pipeline: it starts a pixel when the one before it is out (65 and 1,352 cycles
    for 9x64 and 225x32 at reuse 16 and 2.5 ns, 6 to 7 a pixel, Vivado HLS 2020.1). hls4ml's limit on products counts
    the values of all pixels, so each channel has its own (32 DSP for 32 channels there, 64 and 40 for 64 and 42 in the
    hls4ml tutorial's quantized CNN).
    """
    source = context.source(layer)
    values = channels(source) if context.stream else source.size
    scale = weight_of(layer, "scale")
    every = replace(layer, strategy="latency", reuse_factor=1)
    array = products(every, scale, source.type, 1, max(1, values), context)
    # In io_parallel the few scales of a channel-wise layer are copied for every pixel.
    resources = array.resources * max(1, values // max(1, int(scale.raw.size)))
    elements = beats(source)
    if not context.stream or elements == 1:
        pace = 1 if context.stream else min(reuse(layer), array.worst + 1)
        return Cost(at_once(array.best, pace), at_once(array.worst, pace), resources)
    read_and_write = 2
    stages = array.worst + 1
    # A channel of 16 bits takes 46 to 48 LUT and 16 FF at one stage (hls4ml tutorial, quantized), 59 and 70 LUT and 223
    # and 208 FF at 6 and 7 (DNNonSilicon@a44b786d, 2.5 ns).
    bits = values * source.type.width
    resources = replace(
        resources, lut=round((3 + 0.25 * (stages - 1)) * bits), ff=round((1 + 2.5 * (stages - 1)) * bits)
    )
    best, worst = (
        context.paced(streamed(elements, min(reuse(layer), cycles + read_and_write), cycles + read_and_write))
        for cycles in (array.best, array.worst)
    )
    return Cost(best, worst, resources)


def layer_normalisation(layer: Layer, context: Context) -> Cost:
    """Mean, variance, a table's 1 / sqrt, and two products a value (nnet_utils/nnet_layernorm.h), io_parallel.

    Five products stand in a row (mean, square, variance, deviation, scale), each in a cycle of its own, then the sums
    and a block RAM of two cycles: 8 cycles at interval 1 for 10 rows of 8 (transformer-synthesis@ce1ea09a, Vitis HLS
    2023.2, xcvu13p, 5 ns, the kernel that hls4ml 1.3 has). 24 DSP a row of 8 there: a square, a deviation and a scale a
    value; 1 / 8 is a shift, while 1 / 5 takes two more (17 and 22 a row of 5, @55b7ae38 and older). Two rows read one
    table through its two ports: 20 block RAMs for 10 rows.
    """
    source = context.source(layer)
    scale = weight_of(layer, "scale")
    n = int(scale.raw.size)
    rows = max(1, source.size // max(1, n))
    kind = attribute_type(layer, "accum_t", source.type)
    table = attribute_type(layer, "table_t", source.type)
    bits, fabric = kind.width, context.fabric
    depth = 5 + 2 + context.registers(2 * fabric.add_ns * (levels(n) + 1))
    scaled = int(np.count_nonzero(signed_digits(scale.raw) > 1))  # a power of two is a shift
    each = dsps_per_product(kind, kind, fabric, context.tool)
    dsp = (
        n * each
        + n * dsps_per_product(kind, table, fabric, context.tool)
        + scaled * dsps_per_product(kind, scale.type, fabric, context.tool)
    )
    dsp += 0 if (n & (n - 1)) == 0 else 2 * each
    at_a_time = rows if not context.dataflow else 1
    memory = rom(table.width, whole(layer, "table_size", 1024)) * ceil(at_a_time / 2)
    # 3,516 LUT and 1,222 FF a row of 8 values of 16 bits (the same report): 27 and 9.5 a bit.
    logic = Resources(lut=27 * n * bits, ff=round(9.5 * n * bits), dsp=dsp)
    interval = 1 if not context.dataflow else rows * reuse(layer)
    timing = at_once(depth + interval - 1, interval)
    return Cost(timing, timing, logic * at_a_time + memory)
