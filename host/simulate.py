"""`simulate`: what a network costs on a board, without the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from weft import sim
from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.consistency import check_design
from weft.hls.design import Design
from weft.host.device import Region
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
    period = run.get("clock_ns") or planned.configuration.clock_ns
    if planned.fpga_regions:
        run = {**run, "clock_ns": period, "tool": run.get("tool") or planned.configuration.tool}
        report = _together(planned.fpga_regions, target, run)
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
            report = replace(report, interval_cycles=report.interval_cycles.slower(spent))
    return replace(report, layers=report.layers + tuple(rows))


def _together(regions: Sequence[Region], board: Board, run: dict[str, Any]) -> Report:
    """One report of all designs of a plan, which run one after the other: of several, layers, streams and events carry
    their region's name. Designs that take turns need the fabric of the largest, for each resource."""
    reports = [simulate_design(region.design, board, **run) for region in regions if region.design is not None]
    if len(reports) == 1:
        return reports[0]
    shared = len({region.overlay for region in regions}) == 1
    report = reports[0]
    for other in reports[1:]:
        report = replace(
            report,
            latency_cycles=report.latency_cycles + other.latency_cycles,
            interval_cycles=report.interval_cycles.slower(other.interval_cycles),
            resources=report.resources + other.resources if shared else report.resources.most(other.resources),
            energy_uj=report.energy_uj + other.energy_uj,
            launch_us=report.launch_us + other.launch_us,
            copy_us=report.copy_us + other.copy_us,
        )
    named = list(zip(regions, reports, strict=True))
    return replace(
        report,
        layers=tuple(replace(row, name=f"{each.name}.{row.name}") for each, found in named for row in found.layers),
        fifos=tuple(replace(row, name=f"{each.name}.{row.name}") for each, found in named for row in found.fifos),
        events=tuple(replace(row, track=f"{each.name} {row.track}") for each, found in named for row in found.events),
        outputs=(),
    )
