"""The AXI streams that weft's own HLS top puts around a design: one value a beat, one beat a cycle."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Tensor
from weft.sim.cost.model import Cost, Timing, channels


def axi_stream(tensor: Tensor, stream: bool, inward: bool) -> Cost:
    """A design's input or output.

    io_stream: an element goes in as soon as its last value is there, and goes out value by value. io_parallel: the
    whole sample is collected first.
    """
    size = max(1, tensor.size)
    group = channels(tensor) if stream else size
    bits = tensor.type.storage.itemsize * 8
    # A value is there a cycle after its beat; an element inwards needs all of its values, one outwards takes as many.
    depth, needs = (1, group / size) if inward else (group, 0.0)
    timing = Timing(size + depth if stream else size, size, depth if stream else size, needs if stream else 0.0)
    return Cost(timing, timing, Resources(lut=2 * bits + 40, ff=group * tensor.type.width + 2 * bits))
