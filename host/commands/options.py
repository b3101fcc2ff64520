"""Options that several commands share, and how they print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from weft.boards.errors import InputError

errors = Console(stderr=True)


class Recipe(str, Enum):  # noqa: UP042  # typer 0.15 reads str enums, and not yet StrEnum
    """Recipes of `weft compress`."""

    fixed8 = "fixed8"
    fixed16 = "fixed16"
    int8 = "int8"


class FifoDepths(str, Enum):  # noqa: UP042
    """How deep a stream's FIFOs are."""

    minimal = "minimal"


Model = Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file.", show_default=False)]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|DIR", help="An ONNX file, a build, an hls4ml project or a saved design.", show_default=False
    ),
]
BoardName = Annotated[str, typer.Option("--board", metavar="B", help="See `weft boards`.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DIMENSION_HELP = "A size for a free dimension of the inputs, such as length=128; repeatable."
TOOL_HELP = "The HLS tool to foretell: vitis-2023.2, vivado-2020.1, ..."
ToolOption = Annotated[str | None, typer.Option("--tool", metavar="T", help=TOOL_HELP)]


def read_dimensions(texts: list[str] | None) -> dict[str, int] | None:
    """Sizes by name of what `--dimension` gave. Raises InputError for a text that is not NAME=SIZE."""
    sizes = {}
    for text in texts or ():
        name, _, size = text.rpartition("=")
        if not name or not size.isascii() or not size.isdecimal():
            raise InputError(f"dimension {text!r} cannot be read: write NAME=SIZE, such as length=128")
        sizes[name] = int(size)
    return sizes or None


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def show(value: Any) -> None:
    """A table or text on standard output."""
    Console().print(value)


def say(sentence: str) -> None:
    """A remark, on standard error so that output stays clean."""
    errors.print(sentence, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something long is going on, where standard error is a terminal."""
    with errors.status(what):
        yield
