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
    json: Json = False,
) -> None:
    """Latency, interval, fabric and energy of a network on a board."""
    from weft.host.build import open_build
    from weft.host.planner import plan
    from weft.host.simulate import report_of

    options = design_options(clock_ns, strategy, reuse_factor, precision, io)
    with working("simulating"):
        if source.is_dir():
            fixed = [name for name, value in options.items() if value is not None and name != "clock_ns"]
            if fixed:
                raise InputError(f"a build has its design, so --{fixed[0].replace('_', '-')} is for models only")
            planned = open_build(source).plan
        else:
            planned = plan(source, board=board, **options)
        report = report_of(planned, board, clock_ns)
    for note in planned.notes:
        say(note)
    if json:
        print_json(report.to_json())
    else:
        show(report.table())
    if not report.fits:
        raise DoesNotFitError(report.misfit())
