"""The strings that name devices: `cpu`, `opencl`, `opencl@NUMBER`, `fpga`, `fpga@pynq://ADDRESS[:PORT]`, `fpga@local`,
`xrt`, `xrt@emulation`.

A device is found by its name: the module `weft.host.devices.<name>`, or the module that an installed package names in
the entry point group `weft.devices`. Such a module has

    def open_device(name: str, board: Board, threads: int | None) -> Device

and, where something may follow an `@` in the name,

    def check_place(name: str) -> None     # raises InputError for what cannot follow
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from urllib.parse import urlsplit

import weft.host.devices
from weft.boards import Board
from weft.boards.errors import InputError, ToolError
from weft.host.device import Device

PYNQ_PORT = 7967  # where PYNQ.remote listens
GROUP = "weft.devices"
#: Devices that run hls4ml designs.
DESIGN_DEVICES = ("fpga", "xrt")


def parse_devices(devices: str | Iterable[str]) -> tuple[str, ...]:
    """Device names in order of preference, from `"fpga,cpu"` or a sequence. Raises InputError for a name weft lacks."""
    parts = devices.split(",") if isinstance(devices, str) else list(devices)
    names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not names:
        raise InputError(f"no device is named: give at least one of {_listed()}")
    kinds = [kind(name) for name in names]
    if len(set(kinds)) != len(kinds):
        raise InputError(f"devices {', '.join(names)} name one kind twice: give one {max(kinds, key=kinds.count)} only")
    return names


def kind(name: str) -> str:
    """`cpu`, `fpga` or another device's name without what follows the `@`. Raises InputError for a name that no device
    has, and for a place that it does not know."""
    base, at, _ = name.partition("@")
    if base not in _built_in() and base not in _installed():
        raise InputError(f"device {name!r} does not exist: use {_listed()}")
    if at:
        check = getattr(_module(base), "check_place", None)
        if check is None:
            raise InputError(f"device {name!r} does not exist: nothing follows the name of device {base}")
        check(name)
    return base


def takes_designs(name: str) -> bool:
    """Whether a device runs hls4ml designs, on fabric or in its place."""
    return kind(name) in DESIGN_DEVICES


def open_device(name: str, board: Board, threads: int | None = None) -> Device:
    """The device that a name stands for. None connects before a region is prepared on it."""
    device: Device = _module(kind(name)).open_device(name, board, threads)
    return device


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


@cache
def _built_in() -> frozenset[str]:
    found = {module.name for module in pkgutil.iter_modules(weft.host.devices.__path__)}
    return frozenset(found - {__name__.rpartition(".")[2]})


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _listed() -> str:
    return ", ".join(sorted({*_built_in(), *_installed()}))


def _module(base: str) -> ModuleType:
    """The module of a device that exists. Raises ToolError where a third party's cannot be loaded."""
    if base in _built_in():
        return import_module(f"{weft.host.devices.__name__}.{base}")
    entry = _installed()[base]
    try:
        module = entry.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise ToolError(f"device {base!r} of {entry.value!r} cannot be loaded: {error}") from error
    if not isinstance(module, ModuleType) or not hasattr(module, "open_device"):
        raise ToolError(f"device {base!r}: {entry.value!r} is no module with a function open_device")
    return module
