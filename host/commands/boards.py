"""`weft boards`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from weft.boards import board_names, load_board
from weft.host.commands.options import Json, print_json, show
from weft.host.tables import board_table


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One board in detail.")] = None, json: Json = False
) -> None:
    """List the boards that weft knows, or show one."""
    from rich.table import Table

    if name is not None:
        board = load_board(name)
        if json:
            print_json(asdict(board))
        else:
            show(board_table(board))
        return
    found = [load_board(each) for each in board_names()]
    if json:
        print_json([{"name": each.name, "title": each.title, "part": each.part} for each in found])
        return
    table = Table("name", "board", "part", "LUT", "DSP")
    for each in found:
        table.add_row(each.name, each.title, each.part, f"{each.resources.lut:,}", f"{each.resources.dsp:,}")
    show(table)
