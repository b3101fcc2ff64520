"""What the event level is made of: processes that iterate, and FIFOs that carry tokens between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weft.hls.precision import Integers


@dataclass(frozen=True, eq=False)
class Process:
    """A loop that the hardware runs once a sample. Counts and cycles are int64, one for each iteration.

    `reads` and `writes` count, for each FIFO, the tokens of one sample moved by the end of each iteration. `latency` is
    from an iteration's start to its writes; `rest` is from the end of the last iteration to the next sample's first.
    """

    name: str
    pace: Integers  # cycles that an iteration keeps the next one waiting: its initiation interval
    latency: int
    rest: int
    reads: Mapping[str, Integers]
    writes: Mapping[str, Integers]

    @property
    def iterations(self) -> int:
        """Iterations of one sample."""
        return len(self.pace)

    @property
    def busy_cycles(self) -> int:
        """Cycles of one sample in which the process works, nothing being late."""
        return int(self.pace.sum())


@dataclass(frozen=True)
class Fifo:
    """A stream of tokens. `depth` is what it holds; None is unbounded. `bits` is the width of a token."""

    name: str
    depth: int | None
    bits: int
    producer: int  # index among the network's processes
    consumer: int
    tokens: int  # of one sample


@dataclass(frozen=True)
class Network:
    """Processes in topological order, and the FIFOs between them by name."""

    name: str
    processes: tuple[Process, ...]
    fifos: Mapping[str, Fifo]


def moved(flags: Integers) -> Integers:
    """Tokens moved by the end of each iteration, from how many each iteration moves."""
    return np.cumsum(flags, dtype=np.int64)


def iteration_of(counts: Integers, tokens: int) -> Integers:
    """For each token of a sample, the iteration that moves it."""
    return np.searchsorted(counts, np.arange(1, tokens + 1)).astype(np.int64)
