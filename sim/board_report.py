"""The cycle model that a virtual board runs a design by: what plans and `weft simulate` say, in bounded time."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from weft.boards import Board
from weft.boards.errors import TooLongError
from weft.hls.design import Design
from weft.sim.estimate import estimate
from weft.sim.report import Range, Report
from weft.sim.simulate import simulate

#: Iterations of layers that are solved for an image: some 3 s, and 300 times what digits_cnn takes.
_LIMIT = 1 << 26


def board_report(design: Design, board: Board, clock_ns: float) -> Report:
    """`simulate`'s report, with which a run of n samples takes `cycles(n)`, the DMAs and the memory included.

    Of a design that is too large to be simulated so (its `samples` are 1 then) it is `estimate`'s, no faster than the
    memory. Raises what `simulate` raises.
    """
    try:
        return simulate(design, board, clock_ns=clock_ns, limit=_LIMIT)
    except TooLongError:
        return _with_memory(estimate(design, board, clock_ns), design, board)


def _with_memory(report: Report, design: Design, board: Board) -> Report:
    """A first burst is read; then design and memory work at the same time, and the slower one sets the pace."""
    inward, outward = (
        sum(design.tensors[name].stream_bytes for name in end) for end in (design.inputs, design.outputs)
    )
    memory = board.memory
    seconds = max(
        max(inward, outward) / board.link.bytes_per_s, (inward + outward) / (memory.bytes_per_s * memory.efficiency)
    )
    moving = ceil(seconds * 1e9 / report.clock_ns)
    latency, interval = report.latency_cycles, report.interval_cycles
    return replace(
        report,
        latency_cycles=Range(*(memory.latency_cycles + max(each, moving) for each in (latency.best, latency.worst))),
        interval_cycles=Range(*(max(each, moving) for each in (interval.best, interval.worst))),
    )
