"""`weft plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weft.host.commands.options import BoardName, Json, Model, print_json, say, show, working
from weft.host.commands.planning import takes_plan_options


@takes_plan_options
def command(
    model: Model,
    board: BoardName,
    options: dict[str, Any],
    explain: Annotated[str | None, typer.Option(metavar="NODE", help="Why it is where it is.")] = None,
    dot: Annotated[Path | None, typer.Option(metavar="FILE", help="A drawing for Graphviz.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="A drawing of the regions.")] = None,
    json: Json = False,
) -> None:
    """Show which part of a network runs where, and why."""
    from weft.hls.files import written_aside
    from weft.host.drawing import plan_dot, plan_svg
    from weft.host.explain import explain as reasons
    from weft.host.planner import plan

    with working("planning"):
        result = plan(model, board=board, **options)
        answer = None if explain is None else reasons(model, result, explain, board=board, **options)
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
