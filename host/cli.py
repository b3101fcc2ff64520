"""The command `weft`. Each subcommand is one file in `weft.host.commands`.

Exit codes: 0 done, 1 the user's input is at fault, 2 usage, 3 a device or tool failed, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from weft import __version__
from weft.boards.errors import InputError, WeftError
from weft.host.commands import (
    board,
    boards,
    build,
    calibrate,
    compress,
    doctor,
    plan,
    profile,
    run,
    simulate,
    tune,
)

INPUT_AT_FAULT, DEVICE_FAILED, INTERRUPTED = 1, 3, 130

app = typer.Typer(
    name="weft",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (doctor, boards, compress, plan, simulate, calibrate, build, run, profile, tune):
    app.command(command.__name__.rpartition(".")[2])(command.command)
app.add_typer(board.app, name="board")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
]


@app.callback()
def options(version: Version = False) -> None:
    """ONNX networks across FPGA, GPU and CPU, with a simulator that stands in for the board."""


def main(arguments: list[str] | None = None) -> None:
    """Run `weft` and leave the process with the command's exit code; an expected error is one sentence on stderr."""
    sys.exit(run_command(arguments))


def run_command(arguments: list[str] | None = None) -> int:
    """Run `weft` with `arguments` (the process's own by default) and return its exit code."""
    try:
        code = app(arguments, standalone_mode=False)
    except WeftError as error:
        print(f"weft: {_one_line(str(error))}", file=sys.stderr)
        return INPUT_AT_FAULT if isinstance(error, InputError) else DEVICE_FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, such as `weft boards | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()  # a usage error of the command-line parser
        return int(code)
    return int(code or 0)


def _one_line(text: str) -> str:
    return " ".join(text.split())
