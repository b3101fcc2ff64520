"""Read what a user asks of the FPGA's design."""

from __future__ import annotations

from math import isfinite

from weft.boards import Board
from weft.boards.errors import InputError
from weft.hls.design import Io
from weft.hls.lower import Strategy
from weft.hls.precision import FixedType
from weft.host.plan import Configuration
from weft.host.tuning import STRATEGIES
from weft.sim.cost.model import NEWEST_TOOL, checked_tool


def read_configuration(
    board: Board,
    strategy: str | None,
    reuse_factor: int | None,
    precision: str | FixedType | None,
    io: str | None,
    clock_ns: float | None,
    tool: str | None,
) -> Configuration:
    """The options of `weft.plan` by those names, checked. Raises InputError for one that cannot be."""
    strategies: tuple[Strategy, ...] = tuple(name for name in STRATEGIES if strategy in (None, name))
    if not strategies:
        raise InputError(f"strategy {strategy!r} does not exist: use {' or '.join(STRATEGIES)}")
    if reuse_factor is not None and reuse_factor < 1:
        raise InputError(f"reuse factor {reuse_factor} is not valid: use 1 (everything in parallel) or more")
    if io not in (None, "stream", "io_stream", "parallel", "io_parallel"):
        raise InputError(f"io {io!r} does not exist: use 'stream' or 'parallel'")
    style: Io = "io_parallel" if io in ("parallel", "io_parallel") else "io_stream"
    period = board.clock.period_ns if clock_ns is None else float(clock_ns)
    fastest = 1e3 / board.clock.maximum_mhz
    if not isfinite(period) or not fastest * (1 - 1e-9) <= period <= 1e3:
        raise InputError(f"a clock of {clock_ns} ns cannot be had on {board.name}: use {fastest:.2f} to 1000 ns")
    kept = FixedType.parse(precision) if isinstance(precision, str) else precision
    return Configuration(style, period, strategies, reuse_factor, kept, checked_tool(tool or NEWEST_TOOL))
