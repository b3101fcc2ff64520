"""Pooling and global pooling, maximum and average."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.model import Context, Cost, at_once, beats, channels, streamed, whole
from weft.sim.cost.storage import shift_register


def pooling(layer: Layer, context: Context) -> Cost:
    """Pooling1D and 2D. io_stream: one input pixel a cycle + 3 (628 for 25x25, Vivado HLS 2020.1).

    Up to twice that is published for other sizes (1,803 for 30x30), which is the worst case.
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
    return Cost(streamed(pixels, 1, 3, needs), streamed(pixels, 2, 5, needs), logic + lines)


def global_pooling(layer: Layer, context: Context) -> Cost:
    """GlobalPooling1D and 2D. io_stream: pixels + 3 (131 for 128, Vitis HLS 2024.1), the output after the last."""
    source = context.source(layer)
    bits, n_channels = source.type.width, channels(source)
    if not context.stream:
        return _unrolled(context, beats(source), n_channels, bits)
    timing = streamed(beats(source), 1, 3, 1.0)
    # 894 LUT and 528 FF for 16 channels of 16 bits (ECE226_CoDesign@5d10485a): 3.5 and 2 a bit.
    return Cost(timing, timing, Resources(lut=round(3.5 * n_channels * bits), ff=2 * n_channels * bits))


def _unrolled(context: Context, window: int, outputs: int, bits: int) -> Cost:
    """io_parallel: HLS chains compare and select one after another (44 cycles for 128 values, Vitis HLS 2024.1)."""
    depth = context.registers(2 * context.fabric.add_ns * window)
    compares = outputs * max(1, window - 1)
    timing = at_once(depth)
    registers = depth * outputs + min(depth, 1) * compares
    return Cost(timing, timing, Resources(lut=2 * compares * bits, ff=registers * bits))
