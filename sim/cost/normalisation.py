"""BatchNormalization and ApplyAlpha: one product and one sum a value."""

from __future__ import annotations

from dataclasses import replace

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.model import Context, Cost, at_once, beats, channels, reuse, streamed
from weft.sim.cost.multiplier import products, weight_of


def normalisation(layer: Layer, context: Context) -> Cost:
    """Scale and shift. hls4ml builds them with constants whatever the strategy, one pixel every RF cycles in io_stream.

    Published: 65 and 1,352 cycles for 9x64 and 225x32 at reuse 16 (Vivado HLS 2020.1), 6 to 7 a pixel: between the best
    case here, 1, and the worst, RF.
    """
    source = context.source(layer)
    values = channels(source) if context.stream else source.size
    scale = weight_of(layer, "scale")
    array = products(replace(layer, strategy="latency"), scale, source.type, 1, max(1, values), context)
    # In io_parallel the few scales of a channel-wise layer are copied for every pixel.
    copies = max(1, values // max(1, int(scale.raw.size)))
    resources = Resources(*(count * copies for count in array.resources.as_dict().values()))
    if not context.stream:
        return Cost(at_once(array.best, array.interval), at_once(array.worst, array.interval), resources)
    elements = beats(source)
    best, worst = streamed(elements, 1, array.best + 1), streamed(elements, reuse(layer), array.worst + 2)
    return Cost(best, worst, resources)
