"""The strings that name devices: `cpu`, `fpga`, `fpga@pynq://ADDRESS[:PORT]`, `fpga@local`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from weft.boards import Board
from weft.boards.errors import InputError
from weft.host.device import Device

PYNQ_PORT = 7967  # where PYNQ.remote listens
_KINDS = ("cpu", "fpga")
_LATER = ("opencl", "xrt")


def parse_devices(devices: str | Iterable[str]) -> tuple[str, ...]:
    """Device names in order of preference, from `"fpga,cpu"` or a sequence. Raises InputError for a name weft lacks."""
    parts = devices.split(",") if isinstance(devices, str) else list(devices)
    names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not names:
        raise InputError("no device is named: give at least one of cpu and fpga")
    kinds = [kind(name) for name in names]
    if len(set(kinds)) != len(kinds):
        raise InputError(f"devices {', '.join(names)} name one kind twice: give one {max(kinds, key=kinds.count)} only")
    return names


def kind(name: str) -> str:
    """`cpu` or `fpga`. Raises InputError for anything else, and for an address that cannot be read."""
    base, _, place = name.partition("@")
    if base in _LATER:
        raise InputError(f"device {base!r} is not available in this version of weft: use cpu or fpga")
    if base not in _KINDS or (place and base != "fpga"):
        raise InputError(f"device {name!r} does not exist: use cpu, fpga, fpga@local or fpga@pynq://ADDRESS[:PORT]")
    if place and place != "local":
        address(name)
    return base


def address(name: str) -> tuple[str, int]:
    """Host and port of `fpga@pynq://ADDRESS[:PORT]`."""
    place = name.partition("@")[2]
    host, port = None, 0
    with suppress(ValueError):  # of a port that is no number, or a bracket that is not closed
        url = urlsplit(place)
        if url.scheme == "pynq" and not url.path and not url.query and url.username is None:
            host, port = url.hostname, url.port or PYNQ_PORT
    if host is None:
        raise InputError(
            f"device {name!r} has no readable address: write fpga@pynq://ADDRESS or fpga@pynq://ADDRESS:PORT"
        )
    return (f"[{host}]" if ":" in host else host), port


def open_device(name: str, board: Board, threads: int | None = None) -> Device:
    """The device that a name stands for. The FPGA connects only when a region is prepared on it."""
    from weft.host.devices.cpu import CpuDevice
    from weft.host.devices.fpga import FpgaDevice

    return CpuDevice(board, threads) if kind(name) == "cpu" else FpgaDevice(name, board)
