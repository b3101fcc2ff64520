"""`weft tune`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from weft.host.commands.options import Json, print_json, say, working
from weft.host.devices.names import kind


def command(
    device: Annotated[str, typer.Option(metavar="NAME", help="opencl, or opencl@NUMBER as doctor lists.")] = "opencl",
    json: Json = False,
) -> None:
    """Measure an OpenCL device, and keep how its matrix products are best cut."""
    from weft.boards.errors import InputError
    from weft.host.opencl.context import open_context
    from weft.host.opencl.tuning import tune

    if kind(device) != "opencl":
        raise InputError(f"device {device!r} has nothing to tune: give opencl or opencl@NUMBER")
    context = open_context(device.partition("@")[2])
    with working(f"measuring {context.device.name}"):
        profile = tune(context, say)
    if json:
        print_json({"schema": "weft-tune/1", "device": context.device.name, **asdict(profile)})
        return
    say(
        f"{context.device.name}: {profile.tile}, {profile.flops_per_s / 1e9:.1f} GFLOP/s, "
        f"convolutions {profile.convolution_flops_per_s / 1e9:.1f} GFLOP/s, "
        f"memory {profile.bytes_per_s / 1e9:.1f} GB/s, "
        f"link {profile.link_bytes_per_s / 1e9:.1f} GB/s, {profile.launch_s * 1e6:.1f} us a launch, "
        f"{profile.run_s * 1e6:.0f} us a run"
    )
