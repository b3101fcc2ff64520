"""A design on a PYNQ board: its buffers, and the registers of its AXI DMAs (PG021) and of its own.

Over the network each access is a remote procedure of about half a millisecond, so what the board keeps (buffers,
their addresses, the sample count) is sent once, and a run takes nine of them where pynq's DMA driver takes 34.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.hls.block_design import Placed
from weft.hls.design import Design
from weft.host.pynq_board import is_unreachable, once_more
from weft.host.streams import ends
from weft.sim import dma
from weft.sim.accelerator import CONTROL, SAMPLES, START

MAXIMUM_TRANSFER = (1 << 26) - 1  # bytes; the DMA's length register is 26 bits wide (AXI DMA PG021)
# Bytes of a longer batch that move at once: while the FPGA works on one piece the next is sent and the last one is
# read. pynq sends messages of 2 MiB, and contiguous memory on a board is scarce.
PIECE = 2 << 20
_KEPT_SLOTS = 4  # two for the batch size in use, two for the one before
_ERRORS = {dma.INTERNAL_ERROR: "internal error", dma.SLAVE_ERROR: "slave error", dma.DECODE_ERROR: "decode error"}
_SEEN = (0, dma.RECEIVER_BASE + dma.ADDRESS)  # (DMA, register) that tells whether another program was here
_LONGEST_PAUSE_S = 0.01  # between two looks at a busy DMA


@dataclass(frozen=True)
class _Slot:
    """Buffers for up to `capacity` samples, and their physical addresses."""

    capacity: int
    sources: list[Any]
    targets: list[Any]
    source_addresses: list[int]
    target_addresses: list[int]


@dataclass(frozen=True)
class _Piece:
    """Samples `start` to `stop` of a batch, in a slot."""

    slot: _Slot
    start: int
    stop: int


class DesignDriver:
    """Runs one design of a loaded overlay. Not for two threads at once.

    After a DeviceError of `run` the state of the board is unknown: `abandon` this one and load the bitstream again.
    """

    def __init__(self, place: Placed, registers: Mapping[str, Any], allocate: Callable[..., Any]) -> None:
        """`registers` are a pynq.MMIO of each IP, by instance name, just after loading; `allocate` is pynq's."""
        self._inputs, self._outputs = ends(place.design)
        self._allocate = allocate
        self._slots: dict[tuple[int, int], _Slot] = {}
        self._largest = max(1, min(PIECE, MAXIMUM_TRANSFER) // longest_sample(place.design))
        self._written: dict[tuple[int, int], int] = {}  # (DMA or -1, register): what it holds since we wrote it
        self._design = registers[place.name]
        self._names = place.dma_names
        self._dmas = [registers[name] for name in self._names]
        for base, tensors in ((dma.SENDER_BASE, self._inputs), (dma.RECEIVER_BASE, self._outputs)):
            for each in self._dmas[: len(tensors)]:
                each.write(base + dma.CONTROL, dma.RUN)

    def run(self, inputs: Sequence[NDArray[Any]], timeout_s: float) -> list[NDArray[Any]]:
        """Integers in, integers out, each (N, *tensor.shape).

        Raises DeviceError where the DMA reports an error or no end, and what pynq raises.
        """
        samples = len(inputs[0])
        results = [np.empty((samples, *tensor.shape), tensor.type.storage) for tensor in self._outputs]
        working: _Piece | None = None
        for number, start in enumerate(range(0, samples, self._largest)):
            following = self._send(inputs, start, number % 2)
            if working is not None:
                self._wait(working, timeout_s)
            self._start(following)
            if working is not None:
                self._receive(working, results)
            working = following
        if working is not None:
            self._wait(working, timeout_s)
            self._receive(working, results)
        return results

    @property
    def has_run(self) -> bool:
        """Whether there is something for `check_untouched` to see."""
        return _SEEN in self._written

    def check_untouched(self) -> None:
        """A DMA that does not hold the address written last was reset: by a reconfiguration, or by another program.

        Raises DeviceError then.
        """
        if self.has_run and self._dmas[0].read(_SEEN[1]) != self._written[_SEEN]:
            raise DeviceError(
                "another bitstream than this session's is on the board, or another program uses its DMA: end that "
                "program and run again"
            )

    def _send(self, inputs: Sequence[NDArray[Any]], start: int, turn: int) -> _Piece:
        stop = min(start + self._largest, len(inputs[0]))
        slot = self._slot(stop - start, turn)
        for buffer, values in zip(slot.sources, inputs, strict=True):
            part = buffer[: stop - start]
            part[:] = values[start:stop]
            part.flush()
        return _Piece(slot, start, stop)

    def _start(self, piece: _Piece) -> None:
        samples, slot = piece.stop - piece.start, piece.slot
        self._write_kept(-1, SAMPLES, samples)
        # The receivers first: a design whose output has nowhere to go would stall with its FIFOs full.
        for number, (tensor, address) in enumerate(zip(self._outputs, slot.target_addresses, strict=True)):
            self._transfer(number, dma.RECEIVER_BASE, address, samples * tensor.stream_bytes)
        self._design.write(CONTROL, START)
        for number, (tensor, address) in enumerate(zip(self._inputs, slot.source_addresses, strict=True)):
            self._transfer(number, dma.SENDER_BASE, address, samples * tensor.stream_bytes)

    def _transfer(self, number: int, base: int, address: int, size: int) -> None:
        self._write_kept(number, base + dma.ADDRESS, address & 0xFFFF_FFFF)
        self._write_kept(number, base + dma.ADDRESS_MSB, address >> 32)
        self._dmas[number].write(base + dma.LENGTH, size)

    def _write_kept(self, number: int, register: int, value: int) -> None:
        """Write a register that keeps its value, unless it has it already; all of them are 0 after loading."""
        if self._written.get((number, register), 0) != value:
            (self._design if number < 0 else self._dmas[number]).write(register, value)
        self._written[number, register] = value

    def _wait(self, piece: _Piece, timeout_s: float) -> None:
        """Until every result has arrived, and so every input has gone."""
        deadline, pause_s = time.monotonic() + timeout_s, 0.0
        for number in range(len(self._outputs)):
            while not self._ended(number, dma.RECEIVER_BASE):
                for sender in range(len(self._inputs)):
                    self._ended(sender, dma.SENDER_BASE)  # for its errors
                if time.monotonic() > deadline:
                    raise DeviceError(
                        f"the FPGA gave no answer for {piece.stop - piece.start} samples within {timeout_s:.0f} s "
                        f"(DMA timeout at {self._names[number]}): run again, which loads the bitstream anew"
                    )
                time.sleep(pause_s)
                pause_s = min(2 * pause_s + 1e-4, _LONGEST_PAUSE_S)

    def _ended(self, number: int, base: int) -> bool:
        status = self._dmas[number].read(base + dma.STATUS)
        for bit, name in _ERRORS.items():
            if status & bit:
                raise DeviceError(f"{self._names[number]} reports a {name}: run again, which loads the bitstream anew")
        return bool(status & dma.IDLE)

    def _receive(self, piece: _Piece, results: Sequence[NDArray[Any]]) -> None:
        for buffer, values in zip(piece.slot.targets, results, strict=True):
            buffer.invalidate()
            values[piece.start : piece.stop] = buffer[: piece.stop - piece.start]

    def _slot(self, samples: int, turn: int) -> _Slot:
        """Buffers for `samples`, of the next power of two, so that batches of any size reuse a few."""
        key = (1 << (samples - 1).bit_length(), turn)
        found = self._slots.pop(key, None)
        if found is None:
            while len(self._slots) >= _KEPT_SLOTS:
                _free(self._slots.pop(next(iter(self._slots))))
            found = self._new_slot(min(key[0], self._largest))
        self._slots[key] = found  # the last in order: the first is freed first
        return found

    def _new_slot(self, capacity: int) -> _Slot:
        slot = _Slot(capacity, [], [], [], [])
        try:
            for tensors, buffers, addresses in (
                (self._inputs, slot.sources, slot.source_addresses),
                (self._outputs, slot.targets, slot.target_addresses),
            ):
                for tensor in tensors:
                    shape = (capacity, *tensor.shape)
                    buffers.append(self._allocate(shape, tensor.type.storage))
                    addresses.append(int(buffers[-1].physical_address))
        except BaseException:
            _free(slot)
            raise
        return slot

    def close(self, answers: bool = True) -> bool:
        """Free the buffers on the board; another run allocates new ones.

        Returns whether the board answered; one that does not (`answers` says what is known) is not asked again.
        """
        while self._slots:
            slot = self._slots.popitem()[1]
            answers = answers and _free(slot)
            if not answers:
                _forget(slot)
        return answers

    def abandon(self, answers: bool = True) -> bool:
        """Give up after a failure: stop the DMAs, which may still write, before their memory is freed; as `close`."""
        for each in self._dmas if answers else ():
            try:
                once_more(partial(each.write, dma.CONTROL, dma.RESET))
            except Exception as error:
                answers = not is_unreachable(error)
                break  # another bitstream is there, and nothing of ours runs; or the board is gone
        return self.close(answers)


def longest_sample(design: Design) -> int:
    """Bytes of one sample of a design's widest stream. Raises DeviceError where it is longer than a transfer."""
    size = max(tensor.stream_bytes for end in ends(design) for tensor in end)
    if size > MAXIMUM_TRANSFER:
        raise DeviceError(f"one sample of {design.name} is longer than an AXI DMA transfer of 64 MiB")
    return size


def _free(slot: _Slot) -> bool:
    """Free the buffers; returns whether the board answered. Where it is gone its memory went with it."""
    for buffer in (*slot.sources, *slot.targets):
        try:
            once_more(partial(_free_one, buffer))
        except Exception as error:
            if is_unreachable(error):
                _forget(slot)
                return False
    return True


def _free_one(buffer: Any) -> None:
    buffer.freed = False  # pynq.remote's notes that it is before the board was asked
    buffer.freebuffer()


def _forget(slot: _Slot) -> None:
    """Keep pynq from asking a silent board, when the buffers are collected, to free them."""
    for buffer in (*slot.sources, *slot.targets):
        buffer.freed = True
