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

errors = Console(stderr=True)


class Strategy(str, Enum):  # noqa: UP042  # typer 0.15 reads str enums, and not yet StrEnum
    """hls4ml's strategies."""

    latency = "latency"
    resource = "resource"


class Io(str, Enum):  # noqa: UP042
    """How values enter and leave layers."""

    parallel = "parallel"
    stream = "stream"


class Recipe(str, Enum):  # noqa: UP042
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
Devices = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="fpga, fpga@pynq://ADDRESS[:PORT], fpga@local, opencl, opencl@N, cpu; in order of preference.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
ClockNs = Annotated[float | None, typer.Option(metavar="X", help="Clock period in nanoseconds.")]
StrategyOption = Annotated[Strategy | None, typer.Option("--strategy", help="The same for every layer.")]
ReuseFactor = Annotated[int | None, typer.Option(metavar="N", min=1, help="The same for every layer, where valid.")]
Precision = Annotated[str | None, typer.Option(metavar="fixed<W,I>", help="One type for everything.")]
ToolOption = Annotated[
    str | None, typer.Option("--tool", metavar="T", help="The HLS tool to foretell: vitis-2023.2, vivado-2020.1, ...")
]
IoOption = Annotated[Io | None, typer.Option("--io", help="hls4ml's io_parallel or io_stream.")]


def design_options(
    clock_ns: float | None,
    strategy: Strategy | None,
    reuse_factor: int | None,
    precision: str | None,
    io: Io | None,
    tool: str | None,
) -> dict[str, Any]:
    """The options of a design as `weft.plan` takes them."""
    return {
        "clock_ns": clock_ns,
        "strategy": None if strategy is None else strategy.value,
        "reuse_factor": reuse_factor,
        "precision": precision,
        "io": None if io is None else io.value,
        "tool": tool,
    }


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
