"""Layers that move values and compute nothing: Reshape, Repack, Clone, Transpose, ZeroPadding, Resize,
Cropping."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Layer, Tensor
from weft.sim.cost.model import Context
from weft.sim.cost.reading import beats, channels, whole
from weft.sim.cost.storage import CHOSEN_LUT, block_rams
from weft.sim.cost.timing import Cost, Timing, at_once, streamed
from weft.sim.cost.tool import is_before, is_vitis


def wires(layer: Layer, context: Context) -> Cost:
    """Input and Reshape: no hardware of their own (a Reshape that regroups a stream is a Repack)."""
    empty = Timing(0, 1, 0, 0.0)
    return Cost(empty, empty)


def moved(layer: Layer, context: Context) -> Cost:
    """Repack and Clone: the longer of its streams, one element a cycle, + 2 or 3; wires in io_parallel."""
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    elements = max(beats(source), beats(result))
    bits = max(channels(source) * source.type.width, channels(result) * result.type.width)
    best, worst = (context.paced(streamed(elements, 1, depth)) for depth in (2, 3))
    return Cost(best, worst, Resources(lut=bits + 100, ff=30))


def resize(layer: Layer, context: Context) -> Cost:
    """Nearest neighbours: an output element a cycle, + 2 (66, 258, 1,026 for 8x8 to 32x32,
    AutoEncoder_hls4ml@dd6f3c2171).

    An image's row is held and chosen from: 541, 1,071, 4,177 FF for 4x4x32, 8x4x32, 16x8x32 bits, and a multiplexer of
    0.31 LUT a bit (435, 622, 1,492 LUT); of a sequence one element (466 FF for 64x6 bits, 481 LUT, HG-DREAM@274dba6e).
    """
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    row = source.shape[1] if len(source.shape) == 3 and source.shape[0] > 1 else 1
    held = row * channels(source) * source.type.width
    timing = context.paced(streamed(beats(result), 1, 2))
    return Cost(timing, timing, Resources(lut=250 + round(CHOSEN_LUT * held), ff=held + 50))


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
    run = Timing(total + 3, total + 3, 3 + after, lead=1)
    return Cost(timing, timing, _padding_fabric(channels(result), max(above, *sides) > 1, slow, context), run)


def _padding_fabric(values: int, wide: bool, slow: bool, context: Context) -> Resources:
    """The element itself is not held: Vitis HLS takes 157 to 175 LUT and 16 FF for 16 to 384 bits (HG-DREAM@274dba6e,
    ECE226_CoDesign@5d10485a). Vivado HLS writes each value to a FIFO of its own, 33 LUT each, 16 bits wide or 32, and
    165 in all (429, 693, 2,277, 4,389 for 8 to 128 values), 104 LUT and 21 FF more for two columns a side, and 170 and
    114 more where it reads the input in two cycles (Keb-L/hls4ml-data@333aad62, AutoEncoder_hls4ml@dd6f3c2171)."""
    if is_vitis(context.tool):
        return Resources(lut=170, ff=16)
    return Resources(lut=165 + 33 * values + 104 * wide + 170 * slow, ff=27 + 21 * wide + 114 * slow)


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
