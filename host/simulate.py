"""`simulate`: what a network costs on a board, without the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weft import sim
from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.design import Design
from weft.host.build import open_build
from weft.host.plan import Plan
from weft.host.planner import plan
from weft.host.tuning import TooLargeError
from weft.sim import LayerReport, Range, Report, smallest_fifos


def simulate(source: Any, inputs: Any = None, *, board: str | Path | Board | None = None, **options: Any) -> Report:
    """Cycles, fabric and energy of samples sent through a network back to back, event by event.

    `source` is a model (whatever `weft.load` reads), a Plan, a Design or a build folder; `board` is needed for a
    model or a Design. `options` are those of `weft.plan`, and `samples` (how many; 4 by default) and `fifo_depths`
    ("minimal": the smallest that keep the interval). With `inputs`, a Design's report has their `outputs`; for a model
    that has no fixed-point types they serve as calibration. A design that does not fit is reported too, with `fits`
    false. Raises InputError and what `weft.load` and `weft.sim.simulate` raise.
    """
    run = {name: options.pop(name) for name in ("samples", "fifo_depths") if name in options}
    if isinstance(source, Design):
        if board is None:
            raise InputError("a Design can be simulated on a board only: give board=")
        return _simulated(source, board, options.get("clock_ns"), inputs, **run)
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        source = open_build(source).plan
    if isinstance(source, Plan):
        return report_of(source, board, options.get("clock_ns"), **run)
    if board is None:
        raise InputError("a model can be simulated on a board only: give board=")
    if inputs is not None:
        options.setdefault("calibration", inputs)
    try:
        return report_of(plan(source, board=board, **options), **run)
    except TooLargeError as error:
        return error.report


def _simulated(
    design: Design,
    board: str | Path | Board,
    clock_ns: float | None,
    inputs: Any = None,
    *,
    samples: int | None = None,
    fifo_depths: str | None = None,
) -> Report:
    if fifo_depths not in (None, "minimal"):
        raise InputError(f"FIFO depths {fifo_depths!r} do not exist: use 'minimal', or leave the design's own")
    if fifo_depths == "minimal":
        design = smallest_fifos(design, board, clock_ns)
    return sim.simulate(design, board, inputs, clock_ns=clock_ns, samples=samples)


def report_of(
    planned: Plan, board: str | Path | Board | None = None, clock_ns: float | None = None, **run: Any
) -> Report:
    """A plan's report: the FPGA's, simulated, with a row for each region that stays on the CPU."""
    if planned.rejected is not None:
        return planned.rejected
    target = planned.board if board is None else load_board(board)
    region = planned.fpga_region
    period = clock_ns or planned.configuration.clock_ns
    if region is not None and region.design is not None:
        report = _simulated(region.design, target, period, **run)
    else:
        none = Range(0, 0)
        report = Report(
            target.name, period, (), none, none, Resources(), target.resources, target.usable_resources, 0.0
        )
    rows = []
    for other in planned.regions:
        if other.design is None:
            cycles = round(other.predicted_s * 1e9 / period)
            spent = Range(cycles, cycles)
            rows.append(LayerReport(other.name, "region", "cpu", 1, spent, spent, Resources(), 0.0))
            report = replace(report, latency_cycles=report.latency_cycles + spent)
            slowest = Range(*(max(getattr(report.interval_cycles, end), cycles) for end in ("best", "worst")))
            report = replace(report, interval_cycles=slowest)
    return replace(report, layers=report.layers + tuple(rows))
