"""What a schedule did to its FIFOs and processes: how full, how long starved, how long blocked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.sim.events.process import Fifo, Process
from weft.sim.events.timing import Schedule


@dataclass(frozen=True)
class Stalls:
    """Cycles of the whole run in which a process that had begun waited for tokens, and for room."""

    starved: int
    blocked: int


def largest_occupancy(schedule: Schedule, fifo: Fifo) -> int:
    """The most tokens a FIFO holds at any time."""
    written, read = schedule.written(fifo).reshape(-1), schedule.read(fifo).reshape(-1)
    gone = np.searchsorted(read, written, side="left")  # a place is free the cycle after its token was read
    return int((np.arange(1, len(written) + 1) - gone).max())


def mean_occupancy(schedule: Schedule, fifo: Fifo) -> float:
    """Tokens in a FIFO, averaged from its first write to its last read."""
    written, read = schedule.written(fifo), schedule.read(fifo)
    return float((read - written).sum() / max(1, read.max() - written.min()))


def stalls(schedule: Schedule, index: int) -> Stalls:
    """How long process `index` stood still between its iterations, and why."""
    process = schedule.network.processes[index]
    starts = schedule.starts[index]
    late = np.diff(starts, axis=1) - process.pace[:-1]
    room = np.zeros_like(starts)
    for name in process.writes:
        room = np.maximum(room, _room(schedule, process, schedule.network.fifos[name]))
    blocked = np.where(room[:, 1:] >= starts[:, 1:], late, 0)
    return Stalls(starved=int(late.sum() - blocked.sum()), blocked=int(blocked.sum()))


def _room(schedule: Schedule, process: Process, fifo: Fifo) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The earliest start (samples, iterations) for which a FIFO has room for what the iteration writes."""
    samples = len(schedule.starts[0])
    room = np.zeros((samples, process.iterations), np.int64)
    if fifo.depth is None:
        return room
    read = schedule.read(fifo).reshape(-1)
    token = np.arange(samples)[:, None] * fifo.tokens + process.writes[fifo.name][None, :] - 1 - fifo.depth
    writes = np.diff(process.writes[fifo.name], prepend=0) > 0
    asked = (token >= 0) & writes[None, :]
    room[asked] = read[token[asked]] + 1 - process.latency
    return room
