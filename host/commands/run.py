"""`weft run`."""

from __future__ import annotations

import warnings
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.boards import load_board
from weft.boards.errors import InputError
from weft.host.arrays import read_npz, write_npz
from weft.host.commands.options import BoardName, say, show, working
from weft.host.commands.planning import refuse_for_folder, takes_plan_options
from weft.host.tables import seconds


class Fallback(str, Enum):  # noqa: UP042  # typer 0.15 reads str enums, and not yet StrEnum
    """Where a region runs whose device fails."""

    cpu = "cpu"


@takes_plan_options
def command(
    source: Annotated[Path, typer.Argument(metavar="MODEL|DIR", help="An ONNX file or a build.", show_default=False)],
    board: BoardName,
    input: Annotated[
        Path, typer.Option("--input", metavar="X.npz", help="One array for each input.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="Y.npz", show_default=False)],
    options: dict[str, Any],
    fallback: Annotated[
        Fallback | None, typer.Option(help="Run a region whose device fails on the CPU, and say so.")
    ] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", min=1, help="ONNX Runtime's threads.")] = None,
    affinity: Annotated[
        str | None,
        typer.Option(metavar="1,2;3", help="Processors of each of them but the first, counted from 1."),
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Print predicted and measured time by region.")] = False,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help="A timeline for ui.perfetto.dev.")] = None,
) -> None:
    """Run a network on its devices: inputs from X.npz, outputs to Y.npz."""
    from weft.host.build import open_build
    from weft.host.feeds import check_feeds, node_args
    from weft.host.planner import plan
    from weft.host.session import Session
    from weft.sim.timeline import write_clocks

    feeds = read_npz(input)
    if source.is_dir():
        refuse_for_folder(source, options, "devices")
    with working("preparing"):
        build = open_build(source, whole=not fallback) if source.is_dir() else None
        if build is not None and build.plan.board.name != load_board(board).name:
            raise InputError(f"{str(source)!r} was built for {build.plan.board.name}, not for {board}")
        planned = build.plan if build else plan(source, board=board, **options)
        check_feeds(node_args(planned.model.graph.inputs), feeds)
    for note in planned.notes:
        say(note)
    with working("running"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the CPU took over is said below
        how: dict[str, Any] = {"devices": options["devices"], "threads": threads, "affinity": affinity}
        with Session(build or planned, fallback="cpu" if fallback else None, **how) as session:
            names = [argument.name for argument in session.get_outputs()]
            results = session.run(names, feeds)
            ran = session.last_run
    write_npz(output, dict(zip(names, results, strict=True)))
    assert ran is not None
    for part in ran.regions:
        cycles = "" if part.cycles is None else f", {part.cycles:,} cycles"
        reason = f", because its device failed: {part.fallback}" if part.fallback else ""
        say(f"{part.region} on {part.device}: {part.samples} samples in {seconds(part.seconds)}{cycles}{reason}")
    if trace is not None:
        write_clocks(trace, ran.clocks())
    if profile:
        show(ran.table())
