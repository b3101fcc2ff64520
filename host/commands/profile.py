"""`weft profile`."""

from __future__ import annotations

from dataclasses import asdict

from weft.host.commands.options import Json, print_json, say, show, working


def command(json: Json = False) -> None:
    """Measure this machine's processor with ONNX Runtime, and keep what plans take for its costs."""
    from weft.host.cost import keep_profile
    from weft.host.profiling import measure
    from weft.host.tables import profile_table

    with working("measuring"):
        profile = measure()
        path = keep_profile(profile)
    if json:
        print_json(asdict(profile))
    else:
        show(profile_table(profile))
        say(f"kept in {path}; delete it to plan with the board's own figures again")
