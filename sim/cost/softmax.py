"""Softmax: maximum, exponential by table, sum, reciprocal by table, product."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.activation import compared_timing
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.family import levels
from weft.sim.cost.model import Context
from weft.sim.cost.reading import attribute_type, channels, reuse, whole
from weft.sim.cost.storage import rom
from weft.sim.cost.timing import Cost, Timing, at_once, drained
from weft.sim.cost.tool import is_before, is_vitis


def softmax(layer: Layer, context: Context) -> Cost:
    """io_parallel: 4 cycles for 10 values (Vitis HLS 2023.2, xcu250, 5 ns), 12 and 14 for 6 and 10 (2021.1, xc7z007s).

    io_stream: n values share ceil(n / RF) products, and as many lookups, so each takes min(RF, n) turns, and a cycle
    stands between: 2 min(RF, n) + 1, which is all of it in 2018.2 and 2019.2 (5, 9, 17 cycles for 8 values at reuse 2,
    4, 72, Keb-L/hls4ml-data@333aad62). From 2020.1 on the maximum is taken off first, in registers of its own (7 cycles
    for 10 values at reuse 1, hls4ml tutorial; 17 at reuse 4 and 10 ns on xc7z020, 2,717 for 676 slices of 4,
    DNNonSilicon).
    Vivado looks up two values in one table, Vitis has one for each (3, 5, 6, 10 for so many values, 2021.1).
    """
    source, result = context.source(layer), context.result(layer)
    n = channels(source)
    slices = max(1, source.size // n)
    # hls4ml's "argmax" has no tables: it compares, and marks the largest.
    if layer.attributes.get("implementation") == "argmax" or layer.attributes.get("skip") is True:
        return compared_timing(layer, context, ceil(levels(n)), Resources(lut=4 * n * source.type.width))
    exponential = attribute_type(layer, "exp_table_t", result.type)
    inverse = attribute_type(layer, "inv_table_t", result.type)
    size = whole(layer, "exp_table_size", whole(layer, "table_size", 1024))
    inverted = rom(inverse.width, whole(layer, "inv_table_size", whole(layer, "table_size", 1024)))
    parallel = ceil(n / (reuse(layer) if context.stream else 1))
    tables = max(1, parallel - 1) if is_vitis(context.tool) else ceil(parallel / 2)
    dsp = Resources(dsp=parallel * dsps_per_product(exponential, inverse, context.fabric, context.tool))
    memory = rom(exponential.width, size) * tables + inverted + dsp
    fabric = context.fabric
    registers = context.registers(3 * fabric.add_ns * levels(n) + fabric.multiply_ns + 2 * fabric.lookup_ns)
    bits = n * source.type.width
    if not context.stream:
        timing = at_once(slices + registers, slices)
        # 406 to 1,513 LUT and 608 to 2,082 FF for 3 to 10 values of 16 bits on xc7z007s, where registers are many; 360
        # for 3 values at 25 ns (DNNonSilicon@8e4ac392), 520 for 6 on UltraScale+ (ECE226_CoDesign@bfc2fecf).
        return Cost(timing, timing, memory + Resources(lut=round((6 + 0.25 * registers) * bits), ff=registers * bits))
    turns = min(reuse(layer), n)
    subtracted = not is_before(context.tool, 2020)
    # Vitis HLS calls the slice's function from a loop of its own: 8 cycles for 6 values, 6 of them the function's
    # (ECE226_CoDesign@5d10485a, 2024.1).
    depth = 2 * turns + 1 + (registers + 1 if subtracted else 0) + (1 if is_vitis(context.tool) else 0)
    latency = (slices - 1) * turns + depth
    timing = drained(Timing(latency, latency, depth))
    return Cost(timing, timing, memory + _stream_logic(bits, registers, context))


def _stream_logic(bits: int, registers: int, context: Context) -> Resources:
    """LUT and FF of `bits` bits a slice. LUT: 14 to 21 a bit of 2020.1 (7 rows of DNNonSilicon and the hls4ml
    tutorial), 6 to 8 of 2018.2, 2019.2 (Keb-L/hls4ml-data@333aad62) and Vitis HLS 2024.1. FF: 5.4 in 2018.2 (676 and
    714 for 8 values), 2.4 in 2019.2 (286 to 312), 2.7 in Vitis (262 for 6), and a register a pipeline stage in
    2020.1."""
    if is_vitis(context.tool):
        return Resources(lut=7 * bits, ff=round(2.7 * bits))
    if is_before(context.tool, 2020):
        return Resources(lut=7 * bits, ff=round((5.4 if is_before(context.tool, 2019) else 2.4) * bits))
    return Resources(lut=18 * bits, ff=round((3.6 + 0.95 * registers) * bits))
