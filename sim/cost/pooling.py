"""Pooling and global pooling, maximum and average."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.model import Context, Cost, at_once, beats, channels, drained, is_vitis, levels, streamed, whole
from weft.sim.cost.storage import shift_register


def pooling(layer: Layer, context: Context) -> Cost:
    """Pooling1D and 2D. io_stream: one input pixel a cycle, and the comparisons of the last window.

    Window 4x4: + 3 on xcu280 and xcu50, + 5 on xc7z020; 2x2: + 2 and + 4 (Vivado HLS 2020.1). Elements of more than 128
    bits take two cycles (1,803 for 30x30 of 512 bits, 348 for 13x13 of 1,024), and any under 2019.2 (2,052 for 32x32).
    """
    rows, columns = whole(layer, "pool_height", 1), whole(layer, "pool_width")
    source, result = context.source(layer), context.result(layer)
    bits = source.type.width
    if not context.stream:
        return _unrolled(context, rows * columns, result.size, bits)
    width, n_channels = whole(layer, "in_width", 0) or whole(layer, "n_in"), channels(source)
    pixels = beats(source)
    needs = ((rows - 1) * width + columns) / pixels
    lines = shift_register((rows - 1) * n_channels * bits, width) if rows > 1 else Resources()
    logic = Resources(lut=n_channels * rows * columns * bits * 2, ff=n_channels * rows * columns * bits * 2)
    slow = n_channels * bits > 128 or context.tool < "vivado-2020"
    pace = 2 if slow and not is_vitis(context.tool) else 1
    # Two more on the slower fabric whatever the clock: 5 and 10 ns alike.
    depth = 1 + ceil(levels(rows * columns) / 2) + (2 if context.fabric.add_ns > 1 else 0)
    timing = drained(streamed(pixels, pace, depth, needs))
    return Cost(timing, timing, logic + lines)


def global_pooling(layer: Layer, context: Context) -> Cost:
    """GlobalPooling1D and 2D. io_stream: pixels + 3 (131 for 128, Vitis HLS 2024.1), the output after the last."""
    source = context.source(layer)
    bits, n_channels = source.type.width, channels(source)
    if not context.stream:
        return _unrolled(context, beats(source), n_channels, bits)
    timing = drained(streamed(beats(source), 1, 3, 1.0))
    # 894 LUT and 528 FF for 16 channels of 16 bits (ECE226_CoDesign@5d10485a): 3.5 and 2 a bit.
    return Cost(timing, timing, Resources(lut=round(3.5 * n_channels * bits), ff=2 * n_channels * bits))


def _unrolled(context: Context, window: int, outputs: int, bits: int) -> Cost:
    """io_parallel: HLS chains compare and select one after another (44 cycles for 128 values, Vitis HLS 2024.1)."""
    depth = context.registers(1.65 * context.fabric.add_ns * window)
    compares = outputs * max(1, window - 1)
    timing = at_once(depth)
    registers = depth * outputs + min(depth, 1) * compares
    return Cost(timing, timing, Resources(lut=2 * compares * bits, ff=registers * bits))
