"""Layers that move values and compute nothing: Reshape, Repack, Clone, Transpose, ZeroPadding, Resize."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.model import Context, Cost, Timing, at_once, beats, channels, streamed
from weft.sim.cost.storage import block_rams


def wires(layer: Layer, context: Context) -> Cost:
    """Input and Reshape: no hardware of their own (a Reshape that regroups a stream is a Repack)."""
    empty = Timing(0, 1, 0, 0.0)
    return Cost(empty, empty)


def moved(layer: Layer, context: Context) -> Cost:
    """Repack, Clone, ZeroPadding, Resize: the longer of its streams, one element a cycle, + 2 or 3.

    Padding to 100 pixels: 103 cycles; resizing to 256: 258 (Vivado HLS 2019.2); wires in io_parallel. 157 to 469 LUT
    and 16 to 37 FF are published for 144 to 256 bits padded: the element itself is not held.
    """
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    elements = max(beats(source), beats(result))
    bits = max(channels(source) * source.type.width, channels(result) * result.type.width)
    best, worst = (context.paced(streamed(elements, 1, depth)) for depth in (2, 3))
    return Cost(best, worst, Resources(lut=bits + 100, ff=30))


def transpose(layer: Layer, context: Context) -> Cost:
    """Wires in io_parallel; in io_stream all is read into a memory, then written in the other order."""
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    source, result = context.source(layer), context.result(layer)
    depth = beats(result) + 3
    timing = Timing(beats(source) + depth, beats(source) + depth, depth, 1.0)
    words = channels(result) * result.type.width
    return Cost(timing, timing, Resources(lut=words + 100, ff=words, bram18=block_rams(words, beats(result))))
