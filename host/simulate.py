"""`simulate`: what a network costs on a board, without the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weft import sim
from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.consistency import check_design
from weft.hls.design import Design
from weft.host.folders import open_folder
from weft.host.plan import Plan
from weft.host.planner import plan
from weft.host.tuning import TooLargeError
from weft.sim import LayerReport, Range, Report, smallest_fifos
from weft.sim.cost.model import NEWEST_TOOL


def simulate(source: Any, inputs: Any = None, *, board: str | Path | Board | None = None, **options: Any) -> Report:
    """Cycles, fabric and energy of samples sent through a network back to back, event by event.

    `source` is a model (whatever `weft.load` reads), a Plan, a Design, or a folder: a build, an hls4ml project, a saved
    design. `board` is needed for a model or a Design. `options` are those of `weft.plan`, and `samples` (how many; 4 by
    default) and `fifo_depths` ("minimal": the smallest that cost no cycle). With `inputs`, a Design's report has their
    `outputs`; for a model that has no fixed-point types they serve as calibration. A design that does not fit is
    reported too, with `fits` false. Raises InputError and what `weft.load` and `weft.sim.simulate` raise.
    """
    run: dict[str, Any] = {name: options.pop(name) for name in ("samples", "fifo_depths") if name in options}
    run |= {name: options[name] for name in ("clock_ns", "tool") if name in options}
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        source = open_folder(Path(source))
    if isinstance(source, Design):
        if board is None:
            raise InputError("a Design can be simulated on a board only: give board=")
        check_design(source)
        return simulate_design(source, board, inputs, **run)
    if isinstance(source, Plan):
        return report_of(source, board, **run)
    if board is None:
        raise InputError("a model can be simulated on a board only: give board=")
    if inputs is not None:
        options.setdefault("calibration", inputs)
    try:
        return report_of(plan(source, board=board, **options), **run)
    except TooLargeError as error:
        return error.report


def simulate_design(
    design: Design,
    board: str | Path | Board,
    inputs: Any = None,
    *,
    clock_ns: float | None = None,
    tool: str | None = None,
    samples: int | None = None,
    fifo_depths: str | None = None,
) -> Report:
    """`weft.sim.simulate` with the defaults and the FIFO depths that a user may ask for."""
    if fifo_depths not in (None, "minimal"):
        raise InputError(f"FIFO depths {fifo_depths!r} do not exist: use 'minimal', or leave the design's own")
    if fifo_depths == "minimal":
        design = smallest_fifos(design, board, clock_ns, tool or NEWEST_TOOL)
    return sim.simulate(design, board, inputs, clock_ns=clock_ns, tool=tool or NEWEST_TOOL, samples=samples)


def report_of(planned: Plan, board: str | Path | Board | None = None, **run: Any) -> Report:
    """A plan's report: the FPGA's, simulated (`run`: see `simulate_design`), with a row for each region on the CPU."""
    if planned.rejected is not None:
        return planned.rejected
    target = planned.board if board is None else load_board(board)
    region = planned.fpga_region
    period = run.get("clock_ns") or planned.configuration.clock_ns
    if region is not None and region.design is not None:
        run = {**run, "clock_ns": period, "tool": run.get("tool") or planned.configuration.tool}
        report = simulate_design(region.design, target, **run)
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
