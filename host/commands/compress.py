"""`weft compress`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import onnx_ir as ir
import typer

from weft.boards.errors import InputError
from weft.hls.files import written_aside
from weft.host.arrays import read_npz
from weft.host.commands.options import DIMENSION_HELP, Model, Recipe, read_dimensions, say, working


def command(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.onnx", show_default=False)],
    recipe: Annotated[Recipe, typer.Option()] = Recipe.fixed8,
    calibration: Annotated[
        Path | None, typer.Option(metavar="DATA.npz", help="Samples, one array for each input.")
    ] = None,
    dimension: Annotated[list[str] | None, typer.Option(metavar="NAME=SIZE", help=DIMENSION_HELP)] = None,
) -> None:
    """Compress a network to fixed point and save it as ONNX."""
    from weft.hls.compress import compress
    from weft.hls.load import load

    if output.suffix != ".onnx":
        raise InputError(f"{str(output)!r} is no name for an ONNX file: end it with .onnx")
    samples = None if calibration is None else read_npz(calibration)
    sizes = read_dimensions(dimension)
    with working("compressing"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the report's sentences say it
        result = compress(load(model, dimensions=sizes), recipe.value, calibration=samples)
    with written_aside(output) as part:
        ir.save(result.model, part)
    for sentence in result.report.sentences:
        say(sentence)
