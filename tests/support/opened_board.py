"""The device `fpga` at a virtual board that a test serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from weft.host.devices.fpga import FpgaDevice
from weft.sim.virtual_board import VirtualBoard


@contextmanager
def opened(board: VirtualBoard) -> Iterator[FpgaDevice]:
    """Connected by its address, and closed at the end."""
    device = FpgaDevice(f"fpga@pynq://127.0.0.1:{board.port}", board.board)
    try:
        yield device
    finally:
        device.close()
