"""What is known of a device: how its matrix products are cut and what it was measured at. `weft tune` measures it; a
device that was not tuned gets what others of its kind were found to do.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from weft.hls.compiler import cache_folder
from weft.hls.files import private_folder, written_aside
from weft.host.opencl.tiles import SquareTile, StripTile, Tile

_RATES = ("flops_per_s", "bytes_per_s", "link_bytes_per_s", "launch_s", "convolution_flops_per_s", "run_s")
SCHEMA = "weft-opencl-profile/2"


@dataclass(frozen=True)
class Profile:
    """Rates of one device: operations of matrix products and of convolutions, bytes of its memory read and written,
    bytes copied from the host, and seconds that a launch and a region's run take by themselves."""

    tile: Tile
    flops_per_s: float
    bytes_per_s: float
    link_bytes_per_s: float
    launch_s: float
    convolution_flops_per_s: float
    run_s: float
    tuned: bool = False


# PoCL 3.0 on 2 cores of an x86-64 virtual machine with AVX2 (`weft tune`, 2026-11-24). Convolutions and runs: 71
# GFLOP/s a core, by the processor's seconds of ResNet-18's, and what was left of an MLP's run beside its kernels.
_PROCESSOR = Profile(StripTile(4, 2, 256), 172e9, 20e9, 23e9, 1.3e-6, 142e9, 50e-6)
# [assumption] no GPU was at hand: a tenth of the arithmetic and half of the bandwidth of NVIDIA's A10 (datasheet: 31.2
# TFLOP/s, 600 GB/s), and a PCIe 3.0 x16 link at 12 of its 15.75 GB/s;
# convolutions as fast as products.
_GPU = Profile(SquareTile(4), 3e12, 300e9, 12e9, 10e-6, 3e12, 50e-6)


def profile_of(identity: str, is_cpu: bool) -> Profile:
    """The profile that was measured of the device `identity`, or the default of its kind."""
    default = _PROCESSOR if is_cpu else _GPU
    try:
        data = json.loads(_path(identity).read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA or data["device"] != identity:
            return default
        rates = {name: float(data[name]) for name in _RATES}
        if not all(isfinite(rate) and rate > 0 for rate in rates.values()):
            return default
        return Profile(_tile(data["tile"]), **rates, tuned=True)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return default  # never tuned, or by another version


def keep_profile(identity: str, profile: Profile) -> Path:
    """Keep what was measured of a device. Raises ToolError where the cache folder cannot be used."""
    path = _path(identity)
    private_folder(path.parent, "WEFT_CACHE_DIR")
    kind = "strip" if isinstance(profile.tile, StripTile) else "square"
    data = {
        "schema": SCHEMA,
        "device": identity,
        "tile": {"kind": kind, **asdict(profile.tile)},
        **{name: getattr(profile, name) for name in _RATES},
    }
    with written_aside(path) as part:
        part.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return path


def _tile(data: dict[str, Any]) -> Tile:
    """A tile from JSON, within what the kernels were written for: it becomes part of their text."""
    numbers = {name: int(value) for name, value in data.items() if name != "kind"}
    if not all(1 <= value <= 4096 for value in numbers.values()):
        raise ValueError("tile out of range")
    return StripTile(**numbers) if data["kind"] == "strip" else SquareTile(**numbers)


def _path(identity: str) -> Path:
    return cache_folder() / "opencl" / f"{sha256(identity.encode()).hexdigest()}.json"
