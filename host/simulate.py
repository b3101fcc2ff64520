"""`simulate`: what a network costs on a board, without the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.consistency import check_design
from weft.hls.design import Design
from weft.host.folders import open_folder
from weft.host.plan import Plan
from weft.host.planner import plan
from weft.host.tuning import TooLargeError
from weft.sim import LayerReport, Range, Report, estimate
from weft.sim.cost.model import NEWEST_TOOL


def simulate(source: Any, inputs: Any = None, *, board: str | Path | Board | None = None, **options: Any) -> Report:
    """Cycles, fabric and energy of one inference.

    `source` is a model (whatever `weft.load` reads), a Plan, a Design, or a folder: a build, an hls4ml project, a saved
    design. `board` is needed for a model or a Design. `options` are those of `weft.plan`. Arrays in `inputs` serve as
    calibration for a model that has no fixed-point types. A design that does not fit is reported too, with `fits`
    false. Raises InputError and what `weft.load` raises.
    """
    clock_ns, tool = options.get("clock_ns"), options.get("tool")
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        source = open_folder(Path(source))
    if isinstance(source, Design):
        if board is None:
            raise InputError("a Design can be simulated on a board only: give board=")
        check_design(source)
        return estimate(source, board, clock_ns, tool=tool or NEWEST_TOOL)
    if isinstance(source, Plan):
        return report_of(source, board, clock_ns, tool)
    if board is None:
        raise InputError("a model can be simulated on a board only: give board=")
    if inputs is not None:
        options.setdefault("calibration", inputs)
    try:
        return report_of(plan(source, board=board, **options))
    except TooLargeError as error:
        return error.report


def report_of(
    planned: Plan, board: str | Path | Board | None = None, clock_ns: float | None = None, tool: str | None = None
) -> Report:
    """A plan's report: the FPGA's, with a row for each region that stays on the CPU."""
    if planned.rejected is not None:
        return planned.rejected
    target = planned.board if board is None else load_board(board)
    region = planned.fpga_region
    period = clock_ns or planned.configuration.clock_ns
    if region is not None and region.design is not None:
        report = estimate(region.design, target, period, tool=tool or planned.configuration.tool)
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
