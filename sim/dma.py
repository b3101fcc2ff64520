"""AXI DMA in direct register mode ("simple DMA"), register by register as PG021 v7.1 describes it.

Transfers take no wall-clock time: a channel is busy only while the stream on its other side gives or takes nothing.
Where PG021 leaves behaviour undefined, a channel reports an error, so that a program's mistake is seen.
"""

from __future__ import annotations

from weft.hls.block_design import LENGTH_BITS
from weft.sim.memory import AddressError, Memory

SENDER_BASE, RECEIVER_BASE = 0x00, 0x30
CONTROL, STATUS, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
_BANK = 0x30  # bytes of registers of one channel

# DMACR: bit 1 always reads 1, and the interrupt threshold is 1 after reset.
RUN, _RESERVED, RESET, _THRESHOLD = 1 << 0, 1 << 1, 1 << 2, 1 << 16
_THRESHOLD_BITS = 0xFF << 16
_CONTROL_KEPT = 0xFFFF_7008  # keyhole, interrupt enables, threshold and delay
# DMASR
HALTED, IDLE = 1 << 0, 1 << 1
INTERNAL_ERROR, SLAVE_ERROR, DECODE_ERROR = 1 << 4, 1 << 5, 1 << 6
COMPLETE_INTERRUPT, ERROR_INTERRUPT = 1 << 12, 1 << 14
_ERRORS = INTERNAL_ERROR | SLAVE_ERROR | DECODE_ERROR
_INTERRUPTS = COMPLETE_INTERRUPT | 1 << 13 | ERROR_INTERRUPT  # written 1 to clear


class Channel:
    """What both directions share. `memory_bytes` is the width of the port to memory, in bytes."""

    def __init__(self, memory: Memory, address_bits: int, memory_bytes: int) -> None:
        self._memory, self._address_mask, self._alignment = memory, (1 << address_bits) - 1, memory_bytes
        self.reset()

    def reset(self) -> None:
        """The state after power-up or a soft reset."""
        self._control = _THRESHOLD
        self._status = HALTED
        self._address = 0
        self._length = 0
        self._position = 0
        self.busy = False

    def read(self, register: int) -> int:
        """One register, by its offset within the channel's bank; registers of scatter-gather mode read 0."""
        match register:
            case 0x00:  # CONTROL
                return self._control | _RESERVED | (0 if self._status & HALTED else RUN)
            case 0x04:  # STATUS
                return self._status
            case 0x18:  # ADDRESS
                return self._address & 0xFFFF_FFFF
            case 0x1C:  # ADDRESS_MSB
                return self._address >> 32
            case 0x28:  # LENGTH
                return self._length
        return 0

    def write(self, register: int, value: int) -> None:
        """Write one register; what PG021 does not name is ignored. (RESET is AxiDma's, as it resets both channels.)"""
        match register:
            case 0x00:
                self._write_control(value)
            case 0x04:
                self._status &= ~(value & _INTERRUPTS)
            case 0x18:
                self._address = (self._address >> 32 << 32 | value) & self._address_mask
            case 0x1C:
                self._address = (value << 32 | self._address & 0xFFFF_FFFF) & self._address_mask
            case 0x28:
                self._write_length(value & (1 << LENGTH_BITS) - 1)

    def _write_control(self, value: int) -> None:
        self._control = value & _CONTROL_KEPT
        if not value & _THRESHOLD_BITS:  # 0 is no threshold, and changes nothing
            self._control |= _THRESHOLD
        if not value & RUN:
            self._status = self._status & ~IDLE | HALTED
            self.busy = False
        elif not self._status & _ERRORS:  # after an error only a reset lets it run again
            self._status &= ~HALTED

    def _write_length(self, length: int) -> None:
        """A length other than 0 starts a transfer, if the channel runs and is not busy with another."""
        if self._status & HALTED or self.busy or length == 0:
            return
        self._length, self._position, self.busy = length, 0, True
        self._status &= ~IDLE
        if self._address % self._alignment:
            self._fail(INTERNAL_ERROR)  # without a realignment engine undefined
            return
        try:
            self._memory.view(self._address, length)
        except AddressError:
            self._fail(DECODE_ERROR)

    def _complete(self) -> None:
        self.busy = False
        self._status |= IDLE | COMPLETE_INTERRUPT

    def _fail(self, error: int) -> None:
        """Stop with an error; the hardware clears RUN itself."""
        self.busy = False
        self._status |= HALTED | error | ERROR_INTERRUPT


class Sender(Channel):
    """MM2S: memory to stream."""

    def take(self, size: int, beat_bytes: int) -> bytes:
        """What the stream brings, at most `size` bytes; the last beat of a transfer is filled up with zeros."""
        if not self.busy:
            return b""
        end = min(self._position + size, self._length)
        try:
            data = self._memory.view(self._address + self._position, end - self._position).tobytes()
        except AddressError:  # freed since the transfer began
            self._fail(DECODE_ERROR)
            return b""
        self._position = end
        if end == self._length:
            self._complete()
            return data + bytes(-end % beat_bytes)
        return data


class Receiver(Channel):
    """S2MM: stream to memory."""

    def give(self, data: bytes, last: bool) -> int:
        """Take from a stream; returns how many bytes were taken. `last`: TLAST is set on the final beat of `data`.

        A packet that is longer than the buffer fills it and then stops the channel with an internal error.
        """
        if not self.busy:
            return 0
        taken = min(len(data), self._length - self._position)
        if data and taken == 0:
            self._fail(INTERNAL_ERROR)
            return 0
        try:
            view = self._memory.view(self._address + self._position, taken)
        except AddressError:
            self._fail(DECODE_ERROR)
            return 0
        view[:] = memoryview(data)[:taken]
        self._position += taken
        if taken < len(data):
            self._fail(INTERNAL_ERROR)
        elif last:
            self._length = self._position  # what was received, for the program to read
            self._complete()
        return taken


class AxiDma:
    """One AXI DMA with one or both directions, as the processing system sees its registers."""

    def __init__(self, sender: Sender | None, receiver: Receiver | None) -> None:
        self.sender, self.receiver = sender, receiver

    def read(self, offset: int) -> int:
        """The 32-bit register at `offset`; a direction that is not built in reads 0."""
        channel, register = self._channel(offset)
        return channel.read(register) if channel else 0

    def write(self, offset: int, value: int) -> None:
        """Write the 32-bit register at `offset`. A reset of either direction resets both."""
        channel, register = self._channel(offset)
        if channel is None:
            return
        if register == CONTROL and value & RESET:
            for each in (self.sender, self.receiver):
                if each is not None:
                    each.reset()
            return
        channel.write(register, value)

    def _channel(self, offset: int) -> tuple[Channel | None, int]:
        if offset < RECEIVER_BASE:
            return self.sender, offset
        return (self.receiver if offset < RECEIVER_BASE + _BANK else None), offset - RECEIVER_BASE
