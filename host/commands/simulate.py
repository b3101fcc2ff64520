"""`weft simulate`."""

from __future__ import annotations

from weft.boards.errors import DoesNotFitError, InputError
from weft.host.commands.options import (
    BoardName,
    ClockNs,
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
    json: Json = False,
) -> None:
    """Latency, interval, fabric and energy of a network on a board."""
    from weft.hls.design import Design
    from weft.host.folders import open_folder
    from weft.host.planner import plan
    from weft.host.simulate import report_of, simulate

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
        if isinstance(found, Design):
            report = simulate(found, board=board, clock_ns=clock_ns, tool=tool)
        else:
            report, notes = report_of(found, board, clock_ns, tool), found.notes
    for note in notes:
        say(note)
    if json:
        print_json(report.to_json())
    else:
        show(report.table())
    if not report.fits:
        raise DoesNotFitError(report.misfit())
