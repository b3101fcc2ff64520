"""`weft plan`."""

from __future__ import annotations

from weft.host.commands.options import BoardName, Devices, Json, Model, print_json, say, show, working


def command(model: Model, board: BoardName, devices: Devices = "fpga,cpu", json: Json = False) -> None:
    """Show which part of a network runs where, and why."""
    from weft.host.planner import plan

    with working("planning"):
        result = plan(model, board=board, devices=devices)
    for note in result.notes:
        say(note)
    if json:
        print_json(result.to_json())
    else:
        show(result.table())
