"""Embedding: a row of a table for every index."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import weight_of
from weft.sim.cost.reading import channels, reuse
from weft.sim.cost.storage import rom
from weft.sim.cost.timing import Cost, at_once, drained, streamed


def embedding(layer: Layer, context: Context) -> Cost:
    """A lookup a value (nnet_utils/nnet_embed.h and nnet_embed_stream.h: PIPELINE II=RF, a row's values unrolled).

    A constant table is one memory, read through two ports: HLS copies it for every further pair of values read at once,
    as it does with an activation's table (5 block RAMs for 10 tanh, Vivado HLS 2020.1). Reading takes a cycle, as
    there.
    """
    source, table = context.source(layer), weight_of(layer, "embeddings")
    width = channels(context.result(layer))
    at_once_read = width * (1 if context.stream else source.size)
    memory = rom(table.type.width, table.raw.size)
    copies = ceil(at_once_read / (2 * reuse(layer)))
    held = at_once_read * table.type.width
    resources = Resources(lut=copies * memory.lut + held, ff=held, bram18=copies * memory.bram18)
    if context.stream:
        timing = drained(streamed(source.size, reuse(layer), 3))
        return Cost(timing, timing, resources)
    timing = at_once(reuse(layer), reuse(layer))
    return Cost(timing, timing, resources)
