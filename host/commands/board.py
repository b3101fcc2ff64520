"""`weft board serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft.host.commands.options import BoardName

app = typer.Typer(help="The virtual board.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `serve` a subcommand: typer would merge a group of one into its parent."""


@app.command()
def serve(
    board: BoardName,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; PYNQ.remote has no authentication.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="P", min=1, max=65535, help="PYNQ finds boards at 7967.")] = 7967,
    bitstreams: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Images that lie on the board from the start.")
    ] = None,
) -> None:
    """Serve a virtual board to any pynq program, until Ctrl-C."""
    from weft.sim.virtual_board import serve as serve_board

    serve_board(board, host, port, bitstreams)
