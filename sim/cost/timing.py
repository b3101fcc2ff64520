"""What a layer's cost is made of: cycles alone, in the best and the worst case, and fabric."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil

from weft.boards.resources import Resources


@dataclass(frozen=True)
class Timing:
    """Cycles of one layer in one case, alone, with its input always ready.

    `latency`: first input to last output; `interval`: one sample to the next; `depth`: last input to last output;
    `needs`: the fraction of a sample's input that must be there before the first output (io_stream); `shift`: cycles of
    an iteration that writes nothing, where the others' are told by `interval` (0 where all are alike); `lead`: first
    input to first output, by `needs` unless given.
    """

    latency: int
    interval: int
    depth: int
    needs: float = 0.0
    shift: int = 0
    lead: int | None = None

    @property
    def first(self) -> int:
        """Cycles from the first input to the first output."""
        return ceil(self.needs * (self.latency - self.depth)) + self.depth if self.lead is None else self.lead


@dataclass(frozen=True)
class Cost:
    """One layer's timing, best and worst case as csynth bounds it, and its fabric.

    `expected` is what one sample takes when it runs (co-simulation), where csynth's cases only bracket it.
    """

    best: Timing
    worst: Timing
    resources: Resources = field(default_factory=Resources)
    expected: Timing | None = None

    @property
    def run(self) -> Timing:
        """The timing of a run: `expected`, or the worst case where both cases are alike or nothing better is known."""
        return self.expected or self.worst


@dataclass(frozen=True)
class Products:
    """An array of multipliers and adders: cycles from operands to sums (best, worst), cycles between starts, fabric."""

    best: int
    worst: int
    interval: int
    resources: Resources


def drained(timing: Timing) -> Timing:
    """A loop that does not rewind: the next sample waits until this one is out."""
    return replace(timing, interval=max(1, timing.latency))


def at_once(latency: int, interval: int = 1) -> Timing:
    """io_parallel: the whole sample is there at the start."""
    return Timing(latency, max(1, interval), latency)


def streamed(elements: int, per_element: int, depth: int, needs: float = 0.0) -> Timing:
    """io_stream: `elements` FIFO elements of `per_element` cycles each, then `depth` cycles until the last is out."""
    needs = min(1.0, max(needs, 1 / max(1, elements)))
    busy = elements * per_element
    return Timing(busy + depth, max(1, busy), depth, needs)
