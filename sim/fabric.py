"""What a loaded image puts into the fabric: IPs at their addresses, and the simulated time that their work takes."""

from __future__ import annotations

from math import ceil
from typing import Protocol

import numpy as np

from weft.boards import Board
from weft.boards.errors import ArtefactError, WeftError
from weft.hls.design import Design
from weft.hls.vitis import LENGTH_BITS
from weft.sim.accelerator import Accelerator
from weft.sim.dma import AxiDma, Receiver, Sender
from weft.sim.estimate import estimate
from weft.sim.image import Image
from weft.sim.memory import Memory
from weft.sim.overlay import NETWORK, WINDOW, address_map
from weft.sim.processing_system import ProcessingSystem, family_of
from weft.sim.report import Report
from weft.sim.timeline import Event, Timeline

_GPIO_PINS = 0xF  # four outputs, as the LEDs of the boards
_LARGEST_DESIGN = 1 << 28  # values in all of a design's tensors; what comes over the network may claim any shape


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
        self._board, self._memory = board, memory
        self._dmas: list[AxiDma] = []
        self._network: Accelerator | None = None
        self._addresses = address_map(image.overlay, board.family)
        peripherals: dict[str, Peripheral] = {name: Gpio() for name in image.overlay.gpios}
        if image.overlay.design is not None:
            self._report = self._checked_report(image)
            self._design = image.overlay.design
            peripherals |= self._place(image.overlay.design)
        self._peripherals = {self._addresses[name]: each for name, each in peripherals.items()}

    def _checked_report(self, image: Image) -> Report:
        """The design's cycle model, after seeing that the design runs at all: it may come from anyone."""
        design = image.design
        try:
            self._check_size(design)
            ends = [np.zeros((1, *design.tensors[name].shape), np.int64) for name in design.inputs]
            design.run(ends)
            return estimate(design, self._board, image.clock_ns)
        except WeftError as error:
            raise ArtefactError(f"the image cannot be simulated: {error}") from error
        except Exception as error:  # whatever a stranger's layers make NumPy raise
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ArtefactError(f"the image cannot be simulated ({reason}): build it again") from error

    @staticmethod
    def _check_size(design: Design) -> None:
        if not design.inputs:
            raise ArtefactError("the design has no input")
        if sum(tensor.size for tensor in design.tensors.values()) > _LARGEST_DESIGN:
            raise ArtefactError(f"its tensors have more than {_LARGEST_DESIGN:,} values")
        for name in (*design.inputs, *design.outputs):
            if design.tensors[name].stream_bytes >= 1 << LENGTH_BITS:
                raise ArtefactError(f"one sample of {name} is longer than an AXI DMA transfer of 64 MiB")

    def _place(self, design: Design) -> dict[str, Peripheral]:
        """The network and its DMAs, by instance name."""
        family = family_of(self._board)
        port = (self._memory, family.address_bits, family.memory_bits // 8)
        senders = [Sender(*port) for _ in design.inputs]
        receivers = [Receiver(*port) for _ in design.outputs]
        self._network = Accelerator(design, senders, receivers)
        for i in range(max(len(senders), len(receivers))):
            sender = senders[i] if i < len(senders) else None
            self._dmas.append(AxiDma(sender, receivers[i] if i < len(receivers) else None))
        return {NETWORK: self._network, **{f"axi_dma_{i}": dma for i, dma in enumerate(self._dmas)}}

    def find(self, address: int) -> tuple[Peripheral, int] | None:
        """The IP at an address, and the offset of its register there."""
        base = address - address % WINDOW
        found = self._peripherals.get(base)
        return None if found is None else (found, address - base)

    def advance(self, timeline: Timeline, system: ProcessingSystem) -> None:
        """Let the network work as far as it can, and time pass for what it finished."""
        if self._network is None:
            return
        for samples in self._network.advance():
            self._spend(samples, timeline, system)

    def stop_transfers(self) -> None:
        """Reset the DMAs."""
        for dma in self._dmas:
            dma.write(0, 1 << 2)

    def _spend(self, samples: int, timeline: Timeline, system: ProcessingSystem) -> None:
        """Pass the time of one run.

        A first burst is read; then network and memory work at the same time, and the slower one sets the pace. Input
        streams end, and output streams begin, one latency less one interval from the run's other end.
        """
        if samples == 0:
            return
        cycle_us = 1 / system.fabric_mhz
        latency, interval = self._report.latency_cycles.worst, self._report.interval_cycles.worst
        lead = self._board.memory.latency_cycles
        moved_us = self._moving_us(samples)
        busy = max(latency + (samples - 1) * interval, ceil(moved_us / cycle_us))
        stream = busy - max(0, latency - interval)
        total_us = (lead + busy) * cycle_us
        stream_us = stream * cycle_us
        network = {"samples": samples, "latency_cycles": latency, "interval_cycles": interval}
        events = [Event(NETWORK, self._design.name, lead * cycle_us, busy * cycle_us, network)]
        for i, name in enumerate(self._design.inputs):
            size = samples * self._design.tensors[name].stream_bytes
            events.append(Event(f"axi_dma_{i} send", name, 0.0, lead * cycle_us + stream_us, {"bytes": size}))
        for i, name in enumerate(self._design.outputs):
            size = samples * self._design.tensors[name].stream_bytes
            events.append(Event(f"axi_dma_{i} receive", name, total_us - stream_us, stream_us, {"bytes": size}))
        timeline.pass_time(lead + busy, total_us * 1e-6, events)

    def _moving_us(self, samples: int) -> float:
        """Microseconds that the bytes of a run take: each way by the link, both together by the memory."""
        tensors = self._design.tensors
        inward = samples * sum(tensors[name].stream_bytes for name in self._design.inputs)
        outward = samples * sum(tensors[name].stream_bytes for name in self._design.outputs)
        memory = self._board.memory
        by_link = max(inward, outward) / self._board.link.bytes_per_s
        return 1e6 * max(by_link, (inward + outward) / (memory.bytes_per_s * memory.efficiency))
