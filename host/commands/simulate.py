"""`weft simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weft.boards.errors import DoesNotFitError
from weft.host.commands.options import BoardName, FifoDepths, Json, Source, print_json, say, show, working
from weft.host.commands.planning import refuse_for_folder, takes_plan_options


@takes_plan_options
def command(
    source: Source,
    board: BoardName,
    options: dict[str, Any],
    samples: Annotated[int | None, typer.Option(metavar="N", min=1, help="Samples sent back to back.")] = None,
    fifo_depths: Annotated[
        FifoDepths | None, typer.Option(help="The smallest that cost no cycle, and the streams' table.")
    ] = None,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help="A timeline for ui.perfetto.dev.")] = None,
    json: Json = False,
) -> None:
    """Latency, interval, stalls, fabric and energy of a network on a board, simulated event by event."""
    from weft.hls.design import Design
    from weft.host.folders import open_folder
    from weft.host.planner import plan
    from weft.host.simulate import report_of, simulate
    from weft.sim.report_table import fifo_table
    from weft.sim.timeline import write_trace

    notes: tuple[str, ...] = ()
    with working("simulating"):
        if source.is_dir():
            refuse_for_folder(source, options, "devices", "clock_ns", "tool")
            found = open_folder(source)
        else:
            found = plan(source, board=board, **options)
        depths = None if fifo_depths is None else fifo_depths.value
        period, tool = options.get("clock_ns"), options.get("tool")
        run: dict[str, Any] = {"clock_ns": period, "tool": tool, "samples": samples, "fifo_depths": depths}
        if isinstance(found, Design):
            report = simulate(found, board=board, **run)
        else:
            report, notes = report_of(found, board, **run), found.notes
    if trace is not None:
        write_trace(trace, report.events)
    for note in notes:
        say(note)
    if json:
        print_json(report.to_json())
    else:
        show(report.table())
        if fifo_depths is not None:
            show(fifo_table(report))
    if not report.fits:
        raise DoesNotFitError(report.misfit())
