"""The virtual image: what stands in for a bitstream where there is no Vivado.

    weft-virtual-image/1          this line marks it: no FPGA's bitstream begins so
    64 hexadecimal digits         SHA-256 of everything after this line
    {"board": ..., ...}           one line of JSON
    the designs                   Design.to_bytes() of each, one after the other

Where there are several designs, the header's "sizes" are their bytes. It comes over the network into
the virtual board, so everything in it is checked. No pickle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from typing import Any

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import Design
from weft.sim.overlay import LARGEST_DESIGN_COUNT, Overlay

_MAGIC = b"weft-virtual-image/1\n"
LARGEST_IMAGE = 1 << 30  # bytes; the largest real bitstream is about 0.1 GB, a design's weights may be more
_LARGEST_HEADER = 4096
_DIGITS = 64
_BOARD = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Image:
    """What an image carries; `clock_ns` is the period that the fabric was built for."""

    overlay: Overlay
    board_name: str
    clock_ns: float


def pack(designs: Sequence[Design], board_name: str, clock_ns: float, gpios: Sequence[str] = ()) -> bytes:
    """The image of designs (and AXI GPIOs) for a board; equal arguments give equal bytes.

    Raises InputError for more designs or GPIOs than an overlay holds.
    """
    overlay = Overlay(tuple(designs), tuple(gpios))
    parts = [design.to_bytes() for design in overlay.designs]
    sizes = {"sizes": [len(part) for part in parts]} if len(parts) > 1 else {}
    header = json.dumps({"board": board_name, "clock_ns": clock_ns, "gpios": list(overlay.gpios), **sizes})
    rest = b"\n".join((header.encode(), b"".join(parts)))
    return _MAGIC + sha256(rest).hexdigest().encode() + b"\n" + rest


def is_virtual(data: bytes) -> bool:
    """Whether `data`, or the file that begins with it, is a virtual image. Says nothing about its health."""
    return data.startswith(_MAGIC)


def unpack(data: bytes) -> Image:
    """The image in `data`, which may come from anyone. Raises ArtefactError for what is foreign or damaged."""
    if not is_virtual(data):
        raise ArtefactError("this is not a virtual image: a bitstream of Vivado runs on a real board only")
    if len(data) > LARGEST_IMAGE:
        raise ArtefactError(f"a virtual image of {len(data):,} bytes is too large: {LARGEST_IMAGE:,} are allowed")
    start = len(_MAGIC) + _DIGITS + 1
    rest = data[start:]
    if data[len(_MAGIC) : start] != sha256(rest).hexdigest().encode() + b"\n":
        raise ArtefactError("a virtual image is damaged (its hash is not that of its content): build it again")
    line, _, content = rest.partition(b"\n")
    try:
        return _read(_header(line), content)
    except (ValueError, TypeError, RecursionError, InputError) as error:
        raise ArtefactError(f"a virtual image is malformed ({error}): build it again") from None


def _header(line: bytes) -> dict[str, Any]:
    if len(line) > _LARGEST_HEADER:
        raise ValueError("its header is too long")
    header = json.loads(line)
    if not isinstance(header, dict) or set(header) - {"sizes"} != {"board", "clock_ns", "gpios"}:
        raise ValueError("its header has other keys than board, clock_ns, gpios and sizes")
    return header


def _read(header: dict[str, Any], content: bytes) -> Image:
    board, clock_ns, gpios = header["board"], header["clock_ns"], header["gpios"]
    if not isinstance(board, str) or not _BOARD.fullmatch(board):
        raise ValueError("its board is not a board's name")
    if type(clock_ns) not in (int, float) or not 0.1 <= clock_ns <= 1e6:
        raise ValueError("its clock is not a period in nanoseconds")
    if not isinstance(gpios, list):
        raise ValueError("its GPIOs are not a list")
    sizes = header.get("sizes", [len(content)] if content else [])
    designs = tuple(Design.from_bytes(part) for part in _parts(content, sizes))
    return Image(Overlay(designs, tuple(gpios)), board, float(clock_ns))


def _parts(content: bytes, sizes: Any) -> list[bytes]:
    """`content` cut into pieces of `sizes` bytes, which must be all of it."""
    if not isinstance(sizes, list) or any(type(size) is not int or size <= 0 for size in sizes):
        raise ValueError("its sizes are not a list of bytes")
    if len(sizes) > LARGEST_DESIGN_COUNT:
        raise ValueError(f"it has {len(sizes)} designs, and {LARGEST_DESIGN_COUNT} are allowed")
    if sum(sizes) != len(content):
        raise ValueError("its sizes are not those of its designs")
    starts = accumulate(sizes, initial=0)
    return [content[start : start + size] for start, size in zip(starts, sizes, strict=False)]
