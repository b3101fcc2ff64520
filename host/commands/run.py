"""`weft run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft.boards import load_board
from weft.boards.errors import InputError
from weft.host.arrays import read_npz, write_npz
from weft.host.commands.options import BoardName, Devices, Source, say, working
from weft.host.tables import seconds


def command(
    source: Source,
    board: BoardName,
    input: Annotated[
        Path, typer.Option("--input", metavar="X.npz", help="One array for each input.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="Y.npz", show_default=False)],
    devices: Devices = "fpga,cpu",
) -> None:
    """Run a network on its devices: inputs from X.npz, outputs to Y.npz."""
    from weft.host.build import open_build
    from weft.host.planner import plan
    from weft.host.session import Session, check_feeds, node_args

    feeds = read_npz(input)
    with working("preparing"):
        build = open_build(source) if source.is_dir() else None
        if build is not None and build.plan.board.name != load_board(board).name:
            raise InputError(f"{str(source)!r} was built for {build.plan.board.name}, not for {board}")
        planned = build.plan if build else plan(source, board=board, devices=devices)
        check_feeds(node_args(planned.model.graph.inputs), feeds)
    for note in planned.notes:
        say(note)
    with working("running"), Session(build or planned, devices=devices) as session:
        names = [argument.name for argument in session.get_outputs()]
        write_npz(output, dict(zip(names, session.run(names, feeds), strict=True)))
        ran = session.last_run
    for part in ran.regions if ran else ():
        cycles = "" if part.cycles is None else f", {part.cycles:,} cycles"
        say(f"{part.region} on {part.device}: {part.samples} samples in {seconds(part.seconds)}{cycles}")
