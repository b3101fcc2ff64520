"""`weft simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft.boards.errors import DoesNotFitError, InputError
from weft.host.commands.options import (
    BoardName,
    ClockNs,
    FifoDepths,
    IoOption,
    Json,
    Precision,
    ReuseFactor,
    Source,
    StrategyOption,
    ToolOption,
    design_options,
    print_json,
    say,
    show,
    working,
)


def command(
    source: Source,
    board: BoardName,
    clock_ns: ClockNs = None,
    strategy: StrategyOption = None,
    reuse_factor: ReuseFactor = None,
    precision: Precision = None,
    io: IoOption = None,
    tool: ToolOption = None,
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

    options = design_options(clock_ns, strategy, reuse_factor, precision, io, tool)
    notes: tuple[str, ...] = ()
    with working("simulating"):
        if source.is_dir():
            given = [name for name, value in options.items() if value is not None and name not in ("clock_ns", "tool")]
            if given:
                raise InputError(f"a folder has its design, so --{given[0].replace('_', '-')} is for models only")
            found = open_folder(source)
        else:
            found = plan(source, board=board, **options)
        depths = None if fifo_depths is None else fifo_depths.value
        run = {"clock_ns": clock_ns, "tool": tool, "samples": samples, "fifo_depths": depths}
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
