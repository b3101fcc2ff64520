"""What a loaded image puts into the fabric: IPs at their addresses, after its designs were checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from weft.boards import Board
from weft.boards.errors import ArtefactError, DeviceError, WeftError
from weft.hls.block_design import LENGTH_BITS, WINDOW
from weft.hls.design import Design
from weft.sim.accelerator import CONTROL, START, Accelerator
from weft.sim.board_report import board_report
from weft.sim.image import Image
from weft.sim.kernel import Kernel
from weft.sim.memory import Memory
from weft.sim.overlay import address_map
from weft.sim.processing_system import ProcessingSystem
from weft.sim.report import Report
from weft.sim.timeline import Timeline

_GPIO_PINS = 0xF  # four outputs, as the LEDs of the boards
_MOST_VALUES = 1 << 28  # in all tensors of an image's designs; what comes over the network may claim any shape


class Peripheral(Protocol):
    """Something with 32-bit registers."""

    def read(self, offset: int) -> int:
        """The register at `offset`, a multiple of 4."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        ...


class Gpio:
    """AXI GPIO (PG144), one channel of four outputs: data at 0x0, direction at 0x4."""

    def __init__(self) -> None:
        self._words = {0x0: 0, 0x4: 0}

    def read(self, offset: int) -> int:
        """A register; those of a second channel and of interrupts read 0."""
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset in self._words:
            self._words[offset] = value & _GPIO_PINS


class Fabric:
    """An image on a board. Raises ArtefactError where the image is another board's or cannot be simulated."""

    def __init__(self, image: Image, board: Board, memory: Memory) -> None:
        if image.board_name != board.name:
            raise ArtefactError(
                f"the image was made for board {image.board_name} and this is a {board.name}: build it for this board"
            )
        _check_size(image.overlay.designs)
        self._kernels: dict[int, Kernel] = {}
        self._peripherals: dict[int, Peripheral] = {}
        addresses = address_map(image.overlay, board.family)
        for name in image.overlay.gpios:
            self._peripherals[addresses[name]] = Gpio()
        for place in image.overlay.places:
            kernel = Kernel(place, board, memory, _checked_report(place.design, board, image.clock_ns))
            self._peripherals[addresses[place.name]] = kernel.accelerator
            self._peripherals |= {addresses[name]: dma for name, dma in kernel.dmas.items()}
            self._kernels |= dict.fromkeys((addresses[name] for name in (place.name, *kernel.dmas)), kernel)

    def starts(self, address: int, value: int) -> bool:
        """Whether writing `value` at `address` starts a design."""
        peripheral, offset = self._find(address)
        return isinstance(peripheral, Accelerator) and offset == CONTROL and bool(value & START)

    def read(self, address: int, timeline: Timeline) -> int:
        """The 32-bit register at `address`; the program knows then what its IP has done so far."""
        peripheral, offset = self._find(address)
        if kernel := self._kernels.get(address - offset):
            kernel.observe(timeline)
        return peripheral.read(offset)

    def write(self, address: int, value: int, timeline: Timeline, system: ProcessingSystem) -> None:
        """Write a 32-bit register, and let the design that it belongs to work as far as it can."""
        peripheral, offset = self._find(address)
        peripheral.write(offset, value)
        if kernel := self._kernels.get(address - offset):
            kernel.advance(timeline, system.fabric_mhz)

    def _find(self, address: int) -> tuple[Peripheral, int]:
        """The IP at an address, and the offset of its register there."""
        offset = address % WINDOW
        if address - offset not in self._peripherals:
            raise DeviceError(f"nothing answers at {address:#x}: the loaded overlay has no IP there")
        return self._peripherals[address - offset], offset

    def stop_transfers(self) -> None:
        """Reset the DMAs."""
        for kernel in self._kernels.values():
            kernel.stop_transfers()


def _check_size(designs: Sequence[Design]) -> None:
    values = 0
    for design in designs:
        if not design.inputs:
            raise ArtefactError("the image cannot be simulated: a design has no input")
        values += sum(tensor.size for tensor in design.tensors.values())
        for name in (*design.inputs, *design.outputs):
            if name not in design.tensors:
                raise ArtefactError(f"the image cannot be simulated: a design has no tensor {name}, which it streams")
            if design.tensors[name].stream_bytes >= 1 << LENGTH_BITS:
                raise ArtefactError(
                    f"the image cannot be simulated: one sample of {name} is longer than an AXI DMA transfer of 64 MiB"
                )
    if values > _MOST_VALUES:
        raise ArtefactError(f"the image cannot be simulated: its tensors have more than {_MOST_VALUES:,} values")


def _checked_report(design: Design, board: Board, clock_ns: float) -> Report:
    """The design's cycle model, after seeing that the design runs at all: it may come from anyone."""
    try:
        design.run([np.zeros((1, *design.tensors[name].shape), np.int64) for name in design.inputs])
        return board_report(design, board, clock_ns)
    except WeftError as error:
        raise ArtefactError(f"the image cannot be simulated: {error}") from error
    except Exception as error:  # whatever a stranger's layers make NumPy raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ArtefactError(f"the image cannot be simulated ({reason}): build it again") from error
