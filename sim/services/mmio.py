"""PYNQ.remote's `mmio.Mmio`: registers of the processing system and the fabric.

pynq never gives a mapping back, so a mapping's identifier is its range, and nothing is kept for it.
"""

from __future__ import annotations

import re
from typing import Any

from weft.boards.errors import DeviceError
from weft.sim.machine import Machine

_IDENTIFIER = re.compile(r"([0-9a-f]{1,16})\+([0-9a-f]{1,16})", re.ASCII)
_LONGEST_WRITE = 1 << 16  # bytes: the registers of one IP


class Mmio:
    """The methods have the names of the remote procedures; each returns the fields of its reply."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def get_mmio(self, request: Any) -> dict[str, Any]:
        """Map a range."""
        self._machine.check_range(request.base_addr, request.length)
        return {"status": True, "mmio_id": f"{request.base_addr:x}+{request.length:x}"}

    def read(self, request: Any) -> dict[str, Any]:
        """Read 1, 2 or 4 bytes; a reply has no room for more."""
        if request.length not in (1, 2, 4):
            raise DeviceError(f"{request.length} bytes do not fit a reply of PYNQ.remote: read words of 4 bytes")
        word = self._machine.read_register(self._address(request, request.length))
        return {"status": True, "data": word & ((1 << 8 * request.length) - 1)}

    def write(self, request: Any) -> dict[str, Any]:
        """Write words, one after the other."""
        if not request.data or len(request.data) % 4 or len(request.data) > _LONGEST_WRITE:
            raise DeviceError(f"{len(request.data)} bytes cannot be written to registers: write whole words of 4 bytes")
        address = self._address(request, len(request.data))
        for i in range(0, len(request.data), 4):
            self._machine.write_register(address + i, int.from_bytes(request.data[i : i + 4], "little"))
        return {"status": True}

    def _address(self, request: Any, size: int) -> int:
        """The address of an access of `size` bytes, checked against its mapping."""
        match = _IDENTIFIER.fullmatch(request.mmio_id)
        if match is None:
            raise DeviceError(f"there is no mapping {request.mmio_id[:40]!r}: ask for one with get_mmio")
        base, length = (int(text, 16) for text in match.groups())
        self._machine.check_range(base, length)
        address: int = base + request.offset
        if request.offset + size > length or address % 4:
            raise DeviceError(
                f"an access of {size} bytes at offset {request.offset:#x} is unaligned or outside the {length} bytes "
                f"mapped at {base:#x}"
            )
        return address
