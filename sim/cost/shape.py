"""Layers that move values and compute nothing: Reshape, Repack, Clone, Transpose, ZeroPadding, Resize,
Cropping."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Layer, Tensor
from weft.sim.cost.model import Context, Cost, Timing, at_once, beats, channels, is_before, streamed, whole
from weft.sim.cost.storage import block_rams


def wires(layer: Layer, context: Context) -> Cost:
    """Input and Reshape: no hardware of their own (a Reshape that regroups a stream is a Repack)."""
    empty = Timing(0, 1, 0, 0.0)
    return Cost(empty, empty)


def moved(layer: Layer, context: Context) -> Cost:
    """Repack, Clone, Resize: the longer of its streams, one element a cycle, + 2 or 3; wires in io_parallel.

    Resizing to 256: 258 cycles (Vivado HLS 2019.2).
    """
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    elements = max(beats(source), beats(result))
    bits = max(channels(source) * source.type.width, channels(result) * result.type.width)
    best, worst = (context.paced(streamed(elements, 1, depth)) for depth in (2, 3))
    return Cost(best, worst, Resources(lut=bits + 100, ff=30))


def zero_padding(layer: Layer, context: Context) -> Cost:
    """Wires in io_parallel; in io_stream plain loops, not pipelined, one element a turn (nnet_padding_stream.h).

    One cycle for each of the three outer loops: 85 and 103 for 82 and 10x10 elements. Inside, a loop costs a cycle to
    leave and its body one to enter: with one column at a side those are that column's own (1,159 for 34x34), with two
    they are not (475 for 20x20 from 16x16: 16 rows of 20 + 4, 4 of 20 + 2; AutoEncoder_hls4ml@dd6f3c2171 and
    Keb-L/hls4ml-data@333aad62, 2019.2). Vivado HLS 2018.2 takes two cycles to read the design's own input (731 there).
    """
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    bits = channels(result) * result.type.width
    rows, sides = _rows(layer, source), [whole(layer, name, 0) for name in ("pad_left", "pad_right")]
    above, below = whole(layer, "pad_top", 0), whole(layer, "pad_bottom", 0)
    around = sum(2 * count for count in (above, below) if count > 1)
    within = rows * (4 if max(sides) > 1 else 0) if rows > 1 else 0
    slow = is_before(context.tool, 2019) and layer.inputs[0] in context.design.inputs
    total = beats(result) + around + within + (beats(source) if slow else 0)
    # The first element is a zero that waits for nothing; the last rows follow the image at once.
    width = beats(result) // max(1, rows + above + below)
    after = (below * width if rows > 1 else 0) + sides[1]
    timing = Timing(total + 3, total + 3, 3)
    # 157 to 469 LUT and 16 to 37 FF for 144 to 256 bits: the element itself is not held.
    run = Timing(total + 3, total + 3, 3 + after, 0.0, 1)
    return Cost(timing, timing, Resources(lut=bits + 100, ff=30), run)


def _rows(layer: Layer, source: Tensor) -> int:
    """Rows of the image; 1 in one dimension."""
    return whole(layer, "in_height", source.shape[0]) if layer.kind == "ZeroPadding2D" else 1


def transpose(layer: Layer, context: Context) -> Cost:
    """Wires in io_parallel; in io_stream all is read into a memory, then written in the other order."""
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    depth = beats(result) + 3
    timing = Timing(beats(source) + depth, beats(source) + depth, depth, 1.0)
    words = channels(result) * result.type.width
    return Cost(timing, timing, Resources(lut=words + 100, ff=words, bram18=block_rams(words, beats(result))))


def cropping(layer: Layer, context: Context) -> Cost:
    """Wires in io_parallel; in io_stream every input element is read, one a cycle, and some are written.

    hls4ml pipelines the whole function (nnet_utils/nnet_cropping_stream.h), so its reads of one FIFO set the interval.
    """
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source = context.source(layer)
    elements, bits = beats(source), channels(source) * source.type.width
    before = whole(layer, "crop_top", 0) * whole(layer, "in_width", 0) + whole(layer, "crop_left", 0)
    timing = streamed(elements, 1, 1, (before + 1) / elements)
    return Cost(timing, timing, Resources(lut=bits + 100, ff=30))
