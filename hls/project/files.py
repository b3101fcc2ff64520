"""The files of an hls4ml project, which may come from anyone: read as text, bounded, and from inside its folder only.

Nothing in the folder is executed, imported or unpickled. hls4ml_config.yml is never given to a YAML loader: hls4ml
writes a PyTorch model into it as Python objects, and of the whole file only the input shapes are wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from weft.boards.errors import ArtefactError

#: The version of hls4ml whose projects are read.
SUPPORTED = "1.3.0"

_LARGEST = 256 << 20  # bytes of one file; weights of a million values print to about 14 MB
_LARGEST_KERNELS = 16 << 20  # bytes of all headers in firmware/nnet_utils; hls4ml's own are 0.7 MB
# SHA-256 over the headers that hls4ml 1.3.0 copies into firmware/nnet_utils, for each backend (tests compute it anew).
# hls4ml writes its version nowhere; its kernels are what gives the generated text its meaning.
_KERNELS = {
    "vitis": "aaeafe7f3d577fa631b9e9bd3aa89be33f0d51a25de4f02576c2a5065cdf1bb2",
    "vivado": "6d37cc5df4c61504390a43298a63bce29ef93b95ea5e65ee4743864e670fc9f8",
}
_SETTING = re.compile(r'set (\w+) "?([^"\s]*)"?')
_SHAPES = re.compile(r"(?m)^InputShapes:\n((?:  [^\n]*\n)+)")


@dataclass(frozen=True)
class Settings:
    """What project.tcl sets."""

    name: str
    backend: str
    part: str
    clock_ns: float


def is_project(folder: Path) -> bool:
    """Whether a folder looks like what hls4ml's `ModelGraph.write` left."""
    return (folder / "hls4ml_config.yml").is_file()


def read_text(folder: Path, name: str) -> str:
    """A file of the project. Raises ArtefactError if it is missing, too large, no text or outside the folder."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ArtefactError(f"{name} of {str(folder)!r} leads out of the project: copy the file into it")
        if path.stat().st_size > _LARGEST:
            raise ArtefactError(f"{name} of {str(folder)!r} is larger than {_LARGEST:,} bytes, which no project needs")
        return path.read_text("utf-8")
    except OSError as error:
        raise ArtefactError(
            f"{str(folder)!r} has no {name} that can be read ({error.strerror}): write the hls4ml project again"
        ) from None
    except UnicodeDecodeError:
        raise ArtefactError(f"{name} of {str(folder)!r} is no text: write the hls4ml project again") from None


def read_settings(folder: Path) -> Settings:
    """project.tcl's settings. Raises ArtefactError if one is missing or makes no sense."""
    found = dict(_SETTING.findall(read_text(folder, "project.tcl")))
    try:
        settings = Settings(found["project_name"], found["backend"], found["part"], float(found["clock_period"]))
    except (KeyError, ValueError) as error:
        raise ArtefactError(f"project.tcl of {str(folder)!r} is damaged at {error}: write the project again") from None
    if not re.fullmatch(r"[A-Za-z_]\w{0,127}", settings.name, re.ASCII) or not 0 < settings.clock_ns < 1e6:
        raise ArtefactError(f"project.tcl of {str(folder)!r} names no project and clock: write the project again")
    return settings


def check_version(folder: Path, backend: str) -> None:
    """Raise ArtefactError unless the project's kernels are those of the supported hls4ml, header for header."""
    if backend not in _KERNELS:
        raise ArtefactError(
            f"{str(folder)!r} was written by hls4ml's backend {backend!r}: weft reads projects of Vitis and Vivado"
        )
    if kernels_digest(folder / "firmware" / "nnet_utils") != _KERNELS[backend]:
        raise ArtefactError(
            f"firmware/nnet_utils of {str(folder)!r} is not that of hls4ml {SUPPORTED}, whose projects weft reads: "
            f"write it with hls4ml {SUPPORTED}, or give the ModelGraph to Design.from_hls4ml"
        )


def kernels_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's headers, without the one that is generated for each network."""
    digest, size = sha256(), 0
    for path in sorted(folder.glob("*.h")):
        if path.name != "nnet_code_gen.h":
            size += path.stat().st_size
            if size > _LARGEST_KERNELS:
                return ""
            digest.update(f"{path.name}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def input_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs by name, without the batch, from hls4ml_config.yml; empty where it does not give them."""
    block = _SHAPES.search(read_text(folder, "hls4ml_config.yml"))
    shapes: dict[str, list[int]] = {}
    name = ""
    for line in block[1].splitlines() if block else []:
        if match := re.fullmatch(r"  (\w+):", line):
            name = match[1]
            shapes[name] = []
        elif (match := re.fullmatch(r"  - (\d{1,9})", line)) and name:
            shapes[name].append(int(match[1]))
    return {name: tuple(shape) for name, shape in shapes.items()}
