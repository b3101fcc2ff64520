"""`weft calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from weft.boards.errors import InputError
from weft.host.commands.options import Json, ToolOption, print_json, say, show, working

Paths = Annotated[list[Path] | None, typer.Argument(metavar="DIR|REPORT ...", help="Reports, or folders with them.")]


def command(
    paths: Paths = None,
    board: Annotated[str | None, typer.Option(metavar="B", help="See `weft boards`.", show_default=False)] = None,
    tool: ToolOption = None,
    listed: Annotated[bool, typer.Option("--list", help="Show what is stored.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove everything that is stored.")] = False,
    json: Json = False,
) -> None:
    """Compare your own Vitis, Vivado and co-simulation reports with the estimates, and correct these from then on."""
    from weft.host.calibrate import calibrate
    from weft.sim.calibration.store import calibration_file, forget_rows

    if forget:
        typer.echo(f"{forget_rows()} row(s) removed from {calibration_file()}")
    if listed:
        show(_stored())
    if forget or listed:
        return
    if not paths or board is None:
        raise InputError("nothing to calibrate: give reports or folders with reports, and --board")
    with working("comparing"):
        result = calibrate(paths, board, tool)
    if json:
        print_json(result.to_json())
    else:
        show(result.table())
    say(result.summary())


def _stored() -> Table:
    from weft.sim.calibration.store import calibration_file, stored_rows

    table = Table(title=str(calibration_file()), box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("layer", overflow="fold", min_width=12)
    for heading in ("family", "tool", "kind", "report", "reported/predicted"):
        table.add_column(heading, overflow="fold")
    for row in stored_rows():
        kind = " ".join(filter(None, (row.kind, row.strategy, row.io)))
        ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in row.ratios.items())
        table.add_row(row.layer, row.family, row.tool, kind, row.source, ratios)
    return table
