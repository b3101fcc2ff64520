"""Whether a network can finish a sample at all, whatever the timing: deadlocks, and the depths that open them.

Processes that read and write in a fixed order make a Kahn network, whose outcome does not depend on the order in which
they run (Kahn 1974). With FIFOs of finite depth it can stop; enlarging the smallest full FIFO of the circle, again and
again, finds depths with which it does not (Parks, "Bounded Scheduling of Process Networks", UC Berkeley 1995).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from weft.boards.errors import DeadlockError
from weft.sim.events.budget import Budget
from weft.sim.events.process import Fifo, Network


@dataclass(frozen=True)
class Wait:
    """Why a process stands still: `fifo` is empty, or full (then its depth is at fault)."""

    process: int
    fifo: Fifo
    full: bool

    @property
    def other(self) -> int:
        """The process at the FIFO's other end, which alone could end the wait."""
        return self.fifo.consumer if self.full else self.fifo.producer


def check_progress(network: Network, budget: Budget | None = None) -> None:
    """Raise DeadlockError where a sample cannot pass, naming the FIFOs of the circle and depths that open it.

    Raises TooLongError beyond `budget`.
    """
    run = _Run(network, {name: fifo.depth for name, fifo in network.fifos.items()}, budget)
    circle = run.advance()
    if circle:
        depths = opening_depths(network, budget=budget)
        named = ", ".join(f"{wait.fifo.name} ({_state(wait)})" for wait in circle)
        larger = [fifo for fifo in network.fifos.values() if fifo.depth is not None and depths[fifo.name] > fifo.depth]
        remedy = ", ".join(f"{fifo.name} of depth {depths[fifo.name]}" for fifo in larger)
        raise DeadlockError(f"design {network.name} deadlocks: {named} wait for each other; {remedy} would open it")


def _state(wait: Wait) -> str:
    return f"full at depth {wait.fifo.depth}" if wait.full else "empty"


def opening_depths(network: Network, smallest: int | None = None, budget: Budget | None = None) -> dict[str, int]:
    """Depths, from the network's own (or from `smallest`) upwards, with which a sample passes.

    Unbounded FIFOs count as depth 1 here: what is asked for is how little is enough.
    """
    depths: dict[str, int | None] = {name: smallest or fifo.depth or 1 for name, fifo in network.fifos.items()}
    run = _Run(network, depths, budget)
    while circle := run.advance():
        wait = min((wait for wait in circle if wait.full), key=lambda wait: run.depths[wait.fifo.name] or 0)
        run.depths[wait.fifo.name] = run.wanted(wait)
    return {name: depth or 1 for name, depth in run.depths.items()}


class _Run:
    """One sample's progress in iterations, without time."""

    def __init__(self, network: Network, depths: Mapping[str, int | None], budget: Budget | None) -> None:
        self._network = network
        self._budget = budget or Budget()
        self.depths = dict(depths)
        self._done = [0] * len(network.processes)
        self._reads = [
            {name: counts.tolist() for name, counts in process.reads.items()} for process in network.processes
        ]
        self._writes = [
            {name: counts.tolist() for name, counts in process.writes.items()} for process in network.processes
        ]

    def advance(self) -> list[Wait]:
        """Let every process run as far as it can; the circle of waits that holds what is left, or nothing."""
        waiting = set(range(len(self._done)))
        while waiting:
            index = waiting.pop()
            self._budget.visit()
            reached = self._reachable(index)
            if reached > self._done[index]:
                self._done[index] = reached
                waiting |= self._neighbours(index)
        stuck = [
            index for index, process in enumerate(self._network.processes) if self._done[index] < process.iterations
        ]
        return self._circle(stuck[0]) if stuck else []

    def wanted(self, wait: Wait) -> int:
        """The depth that lets a process blocked by a full FIFO end its next iteration."""
        made = self._writes[wait.process][wait.fifo.name][self._done[wait.process]]
        return int(made - self._taken(wait.fifo))

    def _neighbours(self, index: int) -> set[int]:
        process = self._network.processes[index]
        fifos = self._network.fifos
        return {fifos[name].producer for name in process.reads} | {fifos[name].consumer for name in process.writes}

    def _made(self, fifo: Fifo) -> int:
        return self._moved(self._writes[fifo.producer][fifo.name], fifo.producer)

    def _taken(self, fifo: Fifo) -> int:
        return self._moved(self._reads[fifo.consumer][fifo.name], fifo.consumer)

    def _moved(self, counts: list[int], index: int) -> int:
        done = self._done[index]
        return counts[done - 1] if done else 0

    def _reachable(self, index: int) -> int:
        """Iterations that the tokens and the room of now allow."""
        limit = self._network.processes[index].iterations
        for name, counts in self._reads[index].items():
            limit = min(limit, bisect_right(counts, self._made(self._network.fifos[name])))
        for name, counts in self._writes[index].items():
            depth = self.depths[name]
            if depth is not None:
                limit = min(limit, bisect_right(counts, self._taken(self._network.fifos[name]) + depth))
        return limit

    def _circle(self, start: int) -> list[Wait]:
        """Follow who waits for whom from a process that is stuck until one comes up again."""
        seen: dict[int, int] = {}
        waits: list[Wait] = []
        index = start
        while index not in seen:
            seen[index] = len(waits)
            waits.append(self._wait(index))
            index = waits[-1].other
        return waits[seen[index] :]

    def _wait(self, index: int) -> Wait:
        """What the next iteration of a process that is stuck waits for."""
        next_one = self._done[index]
        for name, counts in self._reads[index].items():
            fifo = self._network.fifos[name]
            if counts[next_one] > self._made(fifo):
                return Wait(index, fifo, full=False)
        for name, counts in self._writes[index].items():
            fifo, depth = self._network.fifos[name], self.depths[name]
            if depth is not None and counts[next_one] > self._taken(fifo) + depth:
                return Wait(index, fifo, full=True)
        raise AssertionError(f"{self._network.processes[index].name} is stuck and waits for nothing")
