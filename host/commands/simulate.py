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
    samples: Annotated[int | None, typer.Option(metavar="N", min=1, help="Samples sent back to back.")] = None,
    fifo_depths: Annotated[
        FifoDepths | None, typer.Option(help="The smallest that keep the interval, and the streams' table.")
    ] = None,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help="A timeline for ui.perfetto.dev.")] = None,
    json: Json = False,
) -> None:
    """Latency, interval, stalls, fabric and energy of a network on a board, simulated event by event."""
    from weft.host.build import open_build
    from weft.host.planner import plan
    from weft.host.simulate import report_of
    from weft.sim.report_table import fifo_table
    from weft.sim.timeline import write_trace

    options = design_options(clock_ns, strategy, reuse_factor, precision, io)
    with working("simulating"):
        if source.is_dir():
            fixed = [name for name, value in options.items() if value is not None and name != "clock_ns"]
            if fixed:
                raise InputError(f"a build has its design, so --{fixed[0].replace('_', '-')} is for models only")
            planned = open_build(source).plan
        else:
            planned = plan(source, board=board, **options)
        depths = None if fifo_depths is None else fifo_depths.value
        report = report_of(planned, board, clock_ns, samples=samples, fifo_depths=depths)
    if trace is not None:
        write_trace(trace, report.events)
    for note in planned.notes:
        say(note)
    if json:
        print_json(report.to_json())
    else:
        show(report.table())
        if fifo_depths is not None:
            show(fifo_table(report))
    if not report.fits:
        raise DoesNotFitError(report.misfit())
