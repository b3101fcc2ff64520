"""A window that slides over a stream of pixels: which pixels only move it, and which make an output."""

from __future__ import annotations

from dataclasses import dataclass

from weft.hls.design import Layer
from weft.sim.cost.model import Context
from weft.sim.cost.reading import whole
from weft.sim.cost.timing import Timing


@dataclass(frozen=True)
class Window:
    """`pixels` are read, `emitted` of them make an output; the first that does follows `before` others. The last
    `burst` pixels are padding below or right of the image: they come at once, and `burst_emitted` of them make an
    output."""

    pixels: int
    emitted: int
    before: int
    burst: int = 0
    burst_emitted: int = 0

    @property
    def needs(self) -> float:
        """The fraction of the pixels that the first output needs."""
        return (self.before + 1) / self.pixels

    def every(self, cycles: int, depth: int) -> Timing:
        """csynth's cases: every pixel takes as long."""
        busy = self.pixels * cycles
        return Timing(busy + depth, busy, cycles + depth, self.needs, cycles)

    def expected(self, shift: int, busy: int, depth: int) -> Timing:
        """A run: `shift` cycles to move the window, `busy` where it also makes an output."""
        total = self.emitted * busy + (self.pixels - self.emitted) * shift
        last = self.burst_emitted * busy + (self.burst - self.burst_emitted) * shift
        lead = self.before * shift + busy + depth
        return Timing(total + depth, total, busy + last + depth, self.needs, shift, lead)


def window_of(layer: Layer, context: Context, rows: int, columns: int) -> Window:
    """The window of a convolution."""
    width, height = whole(layer, "in_width"), whole(layer, "in_height", 1)
    out_width, out_height = whole(layer, "out_width"), whole(layer, "out_height", 1)
    below, right = _padding(layer, context)
    outputs = below * out_width if height > 1 else right
    return Window(
        pixels=width * height,
        emitted=min(width * height, out_width * out_height),
        before=(rows - 1) * width + columns - 1,
        burst=below * width + right,
        burst_emitted=min(outputs, out_width * out_height),
    )


def _padding(layer: Layer, context: Context) -> tuple[int, int]:
    """Rows below and columns right of the image that the layer before adds."""
    for other in context.design.layers:
        if other.kind.startswith("ZeroPadding") and set(other.outputs) & set(layer.inputs):
            return whole(other, "pad_bottom", 0), whole(other, "pad_right", 0)
    return 0, 0
