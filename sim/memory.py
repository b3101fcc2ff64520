"""Simulated DDR: the contiguous buffers that pynq allocates and that AXI DMA reads and writes.

Only what is allocated exists. A transfer elsewhere is an AXI decode error here, where a real board would read or
overwrite whatever Linux keeps at that address.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError

_PAGE = 4096
# Where Linux's contiguous memory allocator (CMA) has its region: a quarter of the memory, as PYNQ's image for the
# PYNQ-Z2 has it (128 of 512 MB), within the low 2 GB that all masters of a Zynq UltraScale+ reach (UG1085).
_BASE = 0x1000_0000
_LARGEST_REGION = 1 << 30
_LARGEST_COUNT = 16_384


class AddressError(DeviceError):
    """Nothing is allocated at an address that the fabric or a program asked for."""


@dataclass(frozen=True, eq=False)
class Buffer:
    """Contiguous memory at a physical address."""

    address: int
    data: NDArray[np.uint8]


class Memory:
    """The region of a board's DDR that buffers are allocated from."""

    def __init__(self, board: Board) -> None:
        self.size = min(board.memory.bytes // 4, _LARGEST_REGION)
        self._buffers: dict[str, Buffer] = {}
        self._order: list[tuple[int, str]] = []  # (address, identifier), by address

    def allocate(self, size: int) -> str:
        """Allocate `size` bytes of zeros at a page's start; returns the buffer's identifier, which cannot be guessed.

        Raises DeviceError where no gap is large enough, as on a board whose contiguous memory is exhausted.
        """
        if size <= 0:
            raise DeviceError(f"a buffer of {size} bytes cannot be allocated")
        if len(self._order) >= _LARGEST_COUNT:
            raise DeviceError(f"{_LARGEST_COUNT:,} buffers are allocated already: free some")
        place, address = self._gap(size)
        identifier = secrets.token_hex(16)
        # zeros() takes pages from the system only when they are first written
        self._buffers[identifier] = Buffer(address, np.zeros(size, np.uint8))
        self._order.insert(place, (address, identifier))
        return identifier

    def _gap(self, size: int) -> tuple[int, int]:
        """Place in the order and address of the first gap that holds `size` bytes."""
        address = _BASE
        for place, (start, identifier) in enumerate(self._order):
            if address + size <= start:
                return place, address
            address = start + -(-self._buffers[identifier].data.size // _PAGE) * _PAGE
        if address + size > _BASE + self.size:
            raise self.exhausted(size)
        return len(self._order), address

    def exhausted(self, size: int) -> DeviceError:
        """What an allocation of `size` bytes raises where no gap is large enough."""
        return DeviceError(
            f"{size:,} bytes of contiguous memory are not free on the board, which has {self.size:,}: free buffers"
        )

    def buffer(self, identifier: str) -> Buffer:
        """A buffer by its identifier. Raises DeviceError for one that is not, or no longer, there."""
        if identifier not in self._buffers:
            raise DeviceError(f"there is no buffer {identifier[:40]!r} on the board: it was freed or never allocated")
        return self._buffers[identifier]

    @property
    def count(self) -> int:
        """Buffers that are allocated."""
        return len(self._buffers)

    def free(self, identifier: str) -> None:
        """Give a buffer's memory back."""
        address = self.buffer(identifier).address
        self._order.remove((address, identifier))
        del self._buffers[identifier]

    def view(self, address: int, size: int) -> NDArray[np.uint8]:
        """`size` bytes at a physical address, writable. Raises AddressError unless they lie within one buffer."""
        place = bisect_right(self._order, (address, "~")) - 1  # "~" sorts behind every identifier
        if place >= 0:
            buffer = self._buffers[self._order[place][1]]
            offset = address - buffer.address
            if offset + size <= buffer.data.size:
                return buffer.data[offset : offset + size]
        raise AddressError(f"{size:,} bytes at {address:#x} are not within an allocated buffer")
