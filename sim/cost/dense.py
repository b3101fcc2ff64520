"""Dense."""

from __future__ import annotations

from weft.hls.design import Layer
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import products, weight_of
from weft.sim.cost.reading import beats, whole
from weft.sim.cost.timing import Cost, Timing, at_once


def dense(layer: Layer, context: Context) -> Cost:
    """A matrix-vector product.

    io_parallel: Resource RF + 1 to RF + 2 cycles (FACTS section 2, exact on 103 stacks). io_stream: every input element
    is collected before the product starts, and nothing overlaps: elements + RF + 4 to 6 (14 to 74 cycles published for
    32-10 at reuse 4 to 64, Vivado HLS 2020.1); Latency takes one cycle over the product (16-6: 2, Vitis HLS 2024.1).
    """
    n_in, n_out = whole(layer, "n_in"), whole(layer, "n_out")
    source = context.source(layer)
    array = products(layer, weight_of(layer), source.type, n_in, n_out, context)
    if not context.stream:
        return Cost(at_once(array.best, array.interval), at_once(array.worst, array.interval), array.resources)
    elements = beats(source) if beats(source) > 1 else 0
    shared = layer.strategy.lower() == "resource" and layer.reuse_factor > 1
    extra = (3, 4) if shared else (1, 1)
    best, worst = (
        Timing(elements + cycles, max(1, elements + cycles), cycles, 1.0)
        for cycles in (array.best + extra[0], array.worst + extra[1])
    )
    return Cost(best, worst, array.resources)
