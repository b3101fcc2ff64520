"""`weft build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weft.host.commands.options import BoardName, Json, Model, print_json, say, working
from weft.host.commands.planning import takes_plan_options


@takes_plan_options
def command(
    model: Model,
    board: BoardName,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", show_default=False)],
    options: dict[str, Any],
    json: Json = False,
) -> None:
    """Write the firmware project and a bitstream, or a virtual image where there is no Vivado."""
    from weft.host.build import build
    from weft.host.planner import plan

    with working("planning"):
        planned = plan(model, board=board, **options)
    for note in planned.notes:
        say(note)
    with working("building"):
        result = build(planned, output, progress=say)
    if json:
        print_json(
            {
                "folder": str(result.folder),
                "bitstreams": [path.name for path in result.bitstreams.values()],
                "virtual": result.virtual,
                "reused": result.reused,
            }
        )
    elif result.reused:
        typer.echo(f"{result.folder} is up to date; nothing was done")
    else:
        kind = "a virtual image: there is no Vitis and Vivado on PATH" if result.virtual else "a bitstream"
        for path in result.bitstreams.values():
            typer.echo(f"{path} is {kind}")
