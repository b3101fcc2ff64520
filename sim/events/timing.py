"""When every iteration starts: the least fixed point of a max-plus system (Baccelli, Cohen, Olsder and Quadrat,
"Synchronization and Linearity", Wiley 1992, chapter 2).

An iteration starts when the one before it has kept its pace, its tokens are there, and what it will write has room:

    start[i] = max(start[i-1] + pace[i-1],
                   arrival(tokens that i reads),
                   departure(token that i writes, less depth) + 1 - latency)

The first term makes a running maximum, so a process's whole sample is three NumPy operations. Neighbours are visited
forwards and backwards until nothing changes; starts only grow, so where a schedule exists that ends, and it is exact.
A pipeline whose output is full stands still, and its iterations in flight with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import numpy as np

from weft.hls.precision import Integers
from weft.sim.events.budget import Budget
from weft.sim.events.process import Fifo, Network, Process, iteration_of

# Cycles until a written token can be read, by FIFO depth, and until a read token's place can be written: a shift
# register of two shows its output at once, a memory a cycle later (LightningSim, FCCM 2023; FACTS section 2).
_SHALLOW, _READ_SHALLOW, _READ_DEEP, _WRITE_AFTER_READ = 2, 1, 2, 1


@dataclass(frozen=True, eq=False)
class _Link:
    """What one process waits for at one FIFO: `iterations` of the other, `offset` cycles after their starts."""

    other: int
    first: int  # the own iteration that `iterations` begin with; those before wait for an earlier sample or nothing
    iterations: Integers
    offset: int


@dataclass(eq=False)
class Schedule:
    """Starts of every iteration: for each process (samples, iterations), in cycles."""

    network: Network
    starts: list[Integers] = field(default_factory=list)

    def ends(self) -> Integers:
        """The cycle at which each sample's last output is done (samples,)."""
        last = [
            starts[:, -1] + process.latency for starts, process in zip(self.starts, self.network.processes, strict=True)
        ]
        done: Integers = np.max(last, axis=0)
        return done

    def interval(self) -> int:
        """Cycles between the ends of the last two samples."""
        ends = self.ends()
        return int(ends[-1] - ends[-2])

    def written(self, fifo: Fifo) -> Integers:
        """The cycle at which each token enters a FIFO (samples, tokens)."""
        process = self.network.processes[fifo.producer]
        return self.starts[fifo.producer][:, iteration_of(process.writes[fifo.name], fifo.tokens)] + process.latency

    def read(self, fifo: Fifo) -> Integers:
        """The cycle at which each token leaves a FIFO (samples, tokens)."""
        process = self.network.processes[fifo.consumer]
        return self.starts[fifo.consumer][:, iteration_of(process.reads[fifo.name], fifo.tokens)]


def schedule(network: Network, samples: int, budget: Budget | None = None) -> Schedule:
    """Start times of `samples` samples sent back to back. The network must be free of deadlocks (`check_progress`).

    Once every start of a sample is one constant after the sample before, for as many samples as a FIFO can hold, the
    next sample's equations are the last one's plus that constant, and so are their solutions: the rest is filled in.
    Raises TooLongError beyond `budget`.
    """
    solver = _Solver(network, samples, budget or Budget())
    memory = 1 + max((ceil((fifo.depth or 1) / fifo.tokens) for fifo in network.fifos.values()), default=1)
    repeated = 0
    for sample in range(samples):
        solver.solve(sample)
        period = solver.period(sample)
        repeated = repeated + 1 if period is not None else 0
        if period is not None and repeated >= memory:
            solver.extend(sample, period)
            break
    return Schedule(network, solver.starts)


def meets(network: Network, latest: Integers) -> bool:
    """Whether as many samples as `latest` has, sent back to back, are done by those cycles (samples,).

    Starts only grow while they are solved, so that a network that is late is known to be before its schedule is.
    """
    solver = _Solver(network, len(latest), Budget())
    return all(solver.solve(sample, int(cycle)) for sample, cycle in enumerate(latest))


class _Solver:
    """Start times, sample by sample: an event waits for none of a later sample."""

    def __init__(self, network: Network, samples: int, budget: Budget) -> None:
        self._network = network
        self._budget = budget
        self._processes = network.processes
        self._before = [np.cumsum(process.pace) - process.pace for process in self._processes]
        self.starts = [np.zeros((samples, process.iterations), np.int64) for process in self._processes]
        self._links: list[list[_Link]] = [[] for _ in self._processes]
        self._neighbours: list[set[int]] = [set() for _ in self._processes]
        for fifo in network.fifos.values():
            self._connect(fifo)

    def _connect(self, fifo: Fifo) -> None:
        made = self._processes[fifo.producer].writes[fifo.name]
        taken = self._processes[fifo.consumer].reads[fifo.name]
        reads = _READ_SHALLOW if fifo.depth is not None and fifo.depth <= _SHALLOW else _READ_DEEP
        first = int(np.searchsorted(taken, 1))
        wanted = iteration_of(made, fifo.tokens)[taken[first:] - 1]
        latency = self._processes[fifo.producer].latency
        self._links[fifo.consumer].append(_Link(fifo.producer, first, wanted, latency + reads))
        if fifo.depth is not None:
            first = int(np.searchsorted(made, fifo.depth + 1))
            freed = iteration_of(taken, fifo.tokens)[made[first:] - 1 - fifo.depth]
            self._links[fifo.producer].append(_Link(fifo.consumer, first, freed, _WRITE_AFTER_READ - latency))
            self._neighbours[fifo.consumer].add(fifo.producer)
        self._neighbours[fifo.producer].add(fifo.consumer)

    def solve(self, sample: int, latest: int | None = None) -> bool:
        """The least starts of one sample, given those of the samples before it; False once it ends after `latest`."""
        floors = [self._floor(index, sample) for index in range(len(self._processes))]
        waiting = set(range(len(self._processes)))
        order = list(range(len(self._processes)))
        while waiting:
            for index in order:
                if index in waiting:
                    waiting.discard(index)
                    if self._update(index, sample, floors[index]):
                        waiting |= self._neighbours[index]
                        if latest is not None and self._end(index, sample) > latest:
                            return False
            order.reverse()
        return True

    def _end(self, index: int, sample: int) -> int:
        return int(self.starts[index][sample, -1]) + self._processes[index].latency

    def period(self, sample: int) -> int | None:
        """The constant by which all of a sample's starts are later than those of the one before, if there is one."""
        if sample == 0:
            return None
        shift = int(self.starts[0][sample, 0] - self.starts[0][sample - 1, 0])
        same = all((starts[sample] - starts[sample - 1] == shift).all() for starts in self.starts)
        return shift if same else None

    def extend(self, sample: int, period: int) -> None:
        """Fill in the samples after `sample`, each `period` cycles after the one before."""
        for starts in self.starts:
            later = np.arange(1, len(starts) - sample, dtype=np.int64)[:, None] * period
            starts[sample + 1 :] = starts[sample] + later

    def _update(self, index: int, sample: int, floor: Integers) -> bool:
        """Raise one process's starts to what its neighbours ask for; whether any changed."""
        self._budget.visit(self._processes[index].iterations)
        ready = floor.copy()
        for link in self._links[index]:
            part = ready[link.first :]
            np.maximum(part, self.starts[link.other][sample, link.iterations] + link.offset, out=part)
        before = self._before[index]
        ready -= before
        np.maximum.accumulate(ready, out=ready)
        ready += before
        row = self.starts[index][sample]
        if np.array_equal(row, ready):
            return False
        row[:] = ready
        return True

    def _floor(self, index: int, sample: int) -> Integers:
        """The earliest starts that the samples before allow."""
        process = self._processes[index]
        floor = np.zeros(process.iterations, np.int64)
        if sample:
            floor[0] = self.starts[index][sample - 1, -1] + process.pace[-1] + process.rest
        for name, made in process.writes.items():
            fifo = self._network.fifos[name]
            if fifo.depth is not None:
                self._wait_for_earlier(floor, fifo, made, process, sample)
        return floor

    def _wait_for_earlier(self, floor: Integers, fifo: Fifo, made: Integers, process: Process, sample: int) -> None:
        """Room that only the reads of earlier samples make."""
        assert fifo.depth is not None
        token = sample * fifo.tokens + made - 1 - fifo.depth
        asked = np.flatnonzero((made > 0) & (token >= 0) & (token < sample * fifo.tokens))
        if asked.size:
            of, within = np.divmod(token[asked], fifo.tokens)
            reader = iteration_of(self._processes[fifo.consumer].reads[fifo.name], fifo.tokens)[within]
            freed = self.starts[fifo.consumer][of, reader] + _WRITE_AFTER_READ - process.latency
            floor[asked] = np.maximum(floor[asked], freed)
