"""`weft plan`."""

from __future__ import annotations

from weft.host.commands.options import BoardName, Devices, Json, Model, ToolOption, print_json, say, show, working


def command(
    model: Model, board: BoardName, devices: Devices = "fpga,cpu", tool: ToolOption = None, json: Json = False
) -> None:
    """Show which part of a network runs where, and why."""
    from weft.host.planner import plan

    with working("planning"):
        result = plan(model, board=board, devices=devices, tool=tool)
    for note in result.notes:
        say(note)
    if json:
        print_json(result.to_json())
    else:
        show(result.table())
