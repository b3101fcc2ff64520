"""`weft plan`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.host.commands.options import BoardName, Devices, Json, Model, ToolOption, print_json, say, show, working


class Objective(str, Enum):  # noqa: UP042  # typer 0.15 reads str enums, and not yet StrEnum
    """What a plan is to minimise."""

    preference = "preference"
    latency = "latency"
    throughput = "throughput"
    energy = "energy"


def command(
    model: Model,
    board: BoardName,
    devices: Devices = "fpga,cpu",
    objective: Annotated[
        Objective, typer.Option(help="The order of --devices, or what costs least.")
    ] = Objective.preference,
    max_latency_ms: Annotated[float | None, typer.Option(metavar="X", help="The most for one sample.")] = None,
    max_power_w: Annotated[float | None, typer.Option(metavar="X", help="The most for all devices in use.")] = None,
    pin: Annotated[list[str] | None, typer.Option(metavar="PATTERN=DEVICE", help="By node name; repeatable.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(metavar="DEVICE:OPERATOR", help="Repeatable.")] = None,
    explain: Annotated[str | None, typer.Option(metavar="NODE", help="Why it is where it is.")] = None,
    dot: Annotated[Path | None, typer.Option(metavar="FILE", help="A drawing for Graphviz.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="A drawing of the regions.")] = None,
    tool: ToolOption = None,
    json: Json = False,
) -> None:
    """Show which part of a network runs where, and why."""
    from weft.hls.files import written_aside
    from weft.host.drawing import plan_dot, plan_svg
    from weft.host.explain import explain as reasons
    from weft.host.planner import plan

    options: dict[str, Any] = {
        "board": board,
        "devices": devices,
        "objective": objective.value,
        "max_latency_ms": max_latency_ms,
        "max_power_w": max_power_w,
        "pins": pin or (),
        "forbids": forbid or (),
        "tool": tool,
    }
    with working("planning"):
        result = plan(model, **options)
        answer = None if explain is None else reasons(model, result, explain, **options)
    for path, draw in ((dot, plan_dot), (svg, plan_svg)):
        if path is not None:
            with written_aside(path) as part:
                part.write_text(draw(result), encoding="utf-8")
    for note in result.notes:
        say(note)
    if json:
        print_json(result.to_json())
    else:
        show(result.table())
    if answer is not None:
        say(answer)
