"""The options of `weft.plan`, the same for every command that plans."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.boards.errors import InputError
from weft.host.arrays import read_npz
from weft.host.commands.options import DIMENSION_HELP, TOOL_HELP, read_dimensions

_aim = partial(typer.Option, rich_help_panel="What the plan is to reach")
_place = partial(typer.Option, rich_help_panel="What runs where")
_design = partial(typer.Option, rich_help_panel="The FPGA's design")


class Objective(str, Enum):  # noqa: UP042  # typer 0.15 reads str enums, and not yet StrEnum
    """What a plan is to minimise."""

    preference = "preference"
    latency = "latency"
    throughput = "throughput"
    energy = "energy"


class Strategy(str, Enum):  # noqa: UP042
    """hls4ml's strategies."""

    latency = "latency"
    resource = "resource"


class Io(str, Enum):  # noqa: UP042
    """How values enter and leave layers."""

    parallel = "parallel"
    stream = "stream"


def plan_options(
    devices: Annotated[
        str,
        _place(
            metavar="NAMES",
            help="fpga, fpga@pynq://ADDRESS[:PORT], fpga@local, xrt, opencl, opencl@N, cpu; in order of preference.",
        ),
    ] = "fpga,cpu",
    pin: Annotated[
        list[str] | None, _place(metavar="PATTERN=DEVICE", help="By node name, such as 'conv.*=fpga'; repeatable.")
    ] = None,
    forbid: Annotated[
        list[str] | None, _place(metavar="DEVICE:OPERATOR", help="Such as opencl:Softmax; repeatable.")
    ] = None,
    dimension: Annotated[list[str] | None, _place(metavar="NAME=SIZE", help=DIMENSION_HELP)] = None,
    objective: Annotated[
        Objective,
        _aim(metavar="AIM", help="preference (the order of --devices), or the best latency, throughput or energy."),
    ] = Objective.preference,
    max_latency_ms: Annotated[float | None, _aim(metavar="X", help="The most for one sample.")] = None,
    max_power_w: Annotated[float | None, _aim(metavar="X", help="The most for all devices in use.")] = None,
    min_accuracy: Annotated[
        float | None, _aim(metavar="SHARE", help="The least, such as 0.97, for which the types are chosen.")
    ] = None,
    evaluation: Annotated[
        Path | None, _aim(metavar="E.npz", help="What that is measured on: each input, and the array 'labels'.")
    ] = None,
    calibration: Annotated[
        Path | None, _aim(metavar="C.npz", help="Other samples, one array for each input, to choose types by.")
    ] = None,
    clock_ns: Annotated[float | None, _design(metavar="X", help="Clock period in nanoseconds.")] = None,
    strategy: Annotated[Strategy | None, _design("--strategy", help="The same for every layer.")] = None,
    reuse_factor: Annotated[
        int | None, _design(metavar="N", min=1, help="The same for every layer, where valid.")
    ] = None,
    precision: Annotated[str | None, _design(metavar="fixed<W,I>", help="One type for everything.")] = None,
    io: Annotated[Io | None, _design("--io", help="hls4ml's io_parallel or io_stream.")] = None,
    tool: Annotated[str | None, _design("--tool", metavar="T", help=TOOL_HELP)] = None,
) -> dict[str, Any]:
    """Those options that were given, and the devices, as `weft.plan` takes them."""
    given = {
        "objective": None if objective is Objective.preference else objective.value,
        "max_latency_ms": max_latency_ms,
        "max_power_w": max_power_w,
        "min_accuracy": min_accuracy,
        "evaluation": None if evaluation is None else read_npz(evaluation),
        "calibration": None if calibration is None else read_npz(calibration),
        "pins": pin or None,
        "forbids": forbid or None,
        "dimensions": read_dimensions(dimension),
        "clock_ns": clock_ns,
        "strategy": None if strategy is None else strategy.value,
        "reuse_factor": reuse_factor,
        "precision": precision,
        "io": None if io is None else io.value,
        "tool": tool,
    }
    return {"devices": devices, **{name: value for name, value in given.items() if value is not None}}


def takes_plan_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `plan_options` in the place of its parameter `options`, which gets its result."""
    own = inspect.signature(command, eval_str=True).parameters
    shared = inspect.signature(plan_options, eval_str=True).parameters
    parameters = [*(parameter for name, parameter in own.items() if name != "options"), *shared.values()]

    @wraps(command)
    def wrapped(**given: Any) -> None:
        options = plan_options(**{name: given.pop(name) for name in shared})
        command(**given, options=options)

    parameters.sort(key=lambda parameter: parameter.default is not parameter.empty)  # those that must be given first
    keyword = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in parameters]
    wrapped.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]  # where typer looks
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def refuse_for_folder(source: Path, options: dict[str, Any], *allowed: str) -> None:
    """Raise InputError for an option of a plan that a folder, which was planned when it was made, cannot follow."""
    flags = {"pins": "pin", "forbids": "forbid", "dimensions": "dimension"}
    for name in options:
        if name not in allowed:
            flag = flags.get(name, name).replace("_", "-")
            raise InputError(f"{str(source)!r} has its design, so --{flag} is for models only: leave it out")
