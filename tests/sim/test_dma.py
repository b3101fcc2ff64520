"""AXI DMA in direct register mode, against what PG021 says of each register."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards import load_board
from weft.sim.dma import (
    ADDRESS,
    ADDRESS_MSB,
    COMPLETE_INTERRUPT,
    CONTROL,
    DECODE_ERROR,
    ERROR_INTERRUPT,
    HALTED,
    IDLE,
    INTERNAL_ERROR,
    LENGTH,
    RECEIVER_BASE,
    RESET,
    RUN,
    SENDER_BASE,
    STATUS,
    AxiDma,
    Receiver,
    Sender,
)
from weft.sim.memory import Buffer, Memory

BOTH = pytest.mark.parametrize("base", [SENDER_BASE, RECEIVER_BASE], ids=["MM2S", "S2MM"])


class Bench:
    """A DMA with both directions and a buffer of 256 bytes: 0, 1, 2, ..."""

    def __init__(self) -> None:
        self.memory = Memory(load_board("pynq-z2"))
        self.identifier = self.memory.allocate(256)
        self.buffer: Buffer = self.memory.buffer(self.identifier)
        self.buffer.data[:] = range(256)
        self.sender, self.receiver = Sender(self.memory, 32, 8), Receiver(self.memory, 32, 8)
        self.dma = AxiDma(self.sender, self.receiver)

    def begin(self, base: int, length: int, address: int | None = None) -> None:
        self.dma.write(base + CONTROL, RUN)
        self.dma.write(base + ADDRESS, self.buffer.address if address is None else address)
        self.dma.write(base + LENGTH, length)

    def status(self, base: int) -> int:
        return self.dma.read(base + STATUS)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@BOTH
def test_after_reset_a_channel_is_halted_and_not_idle(bench: Bench, base: int) -> None:
    assert bench.dma.read(base + CONTROL) == 0x1_0002  # PG021: reset value of DMACR
    assert bench.status(base) == HALTED
    for register in (ADDRESS, ADDRESS_MSB, LENGTH, 0x08, 0x10, 0x2C):
        assert bench.dma.read(base + register) == 0


@BOTH
def test_run_and_stop(bench: Bench, base: int) -> None:
    bench.dma.write(base + CONTROL, RUN | 0x1000)
    assert bench.status(base) == 0  # not idle before the first transfer
    assert bench.dma.read(base + CONTROL) == 0x1_0000 | 0x1000 | 2 | RUN
    bench.begin(base, 16)
    bench.dma.write(base + CONTROL, 0)
    assert bench.status(base) == HALTED
    assert bench.sender.take(16, 1) == b""
    assert bench.receiver.give(b"1", True) == 0


@BOTH
def test_a_length_without_run_does_nothing(bench: Bench, base: int) -> None:
    bench.dma.write(base + ADDRESS, bench.buffer.address)
    bench.dma.write(base + LENGTH, 16)
    assert (bench.status(base), bench.dma.read(base + LENGTH)) == (HALTED, 0)
    assert not bench.sender.busy
    assert not bench.receiver.busy


@BOTH
def test_a_second_length_waits_for_idle(bench: Bench, base: int) -> None:
    bench.begin(base, 16)
    bench.dma.write(base + LENGTH, 32)
    assert bench.dma.read(base + LENGTH) == 16


@BOTH
def test_the_length_has_26_bits(bench: Bench, base: int) -> None:
    bench.begin(base, (1 << 26) + 16)
    assert bench.dma.read(base + LENGTH) == 16
    assert bench.status(base) == 0
    bench.dma.write(base + CONTROL, RESET)
    bench.begin(base, 1 << 26)  # no bit of it is there: not a transfer
    assert not bench.sender.busy
    assert not bench.receiver.busy


def test_sending(bench: Bench) -> None:
    bench.begin(SENDER_BASE, 16, bench.buffer.address + 8)
    assert bench.status(SENDER_BASE) == 0
    assert bench.sender.take(10, 2) == bytes(range(8, 18))
    assert bench.status(SENDER_BASE) == 0
    assert bench.sender.take(10, 2) == bytes(range(18, 24))
    assert bench.status(SENDER_BASE) == IDLE | COMPLETE_INTERRUPT
    assert bench.dma.read(LENGTH) == 16
    assert bench.sender.take(10, 2) == b""


def test_the_last_beat_of_a_transfer_is_filled_up(bench: Bench) -> None:
    bench.begin(SENDER_BASE, 5)
    assert bench.sender.take(8, 4) == bytes([0, 1, 2, 3, 4, 0, 0, 0])


def test_interrupts_are_cleared_by_writing_ones(bench: Bench) -> None:
    bench.begin(SENDER_BASE, 4)
    bench.sender.take(4, 1)
    bench.dma.write(STATUS, IDLE)
    assert bench.status(SENDER_BASE) == IDLE | COMPLETE_INTERRUPT
    bench.dma.write(STATUS, COMPLETE_INTERRUPT)
    assert bench.status(SENDER_BASE) == IDLE
    bench.dma.write(LENGTH, 4)
    assert bench.status(SENDER_BASE) == 0
    bench.sender.take(4, 1)
    assert bench.status(SENDER_BASE) == IDLE | COMPLETE_INTERRUPT


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 40))
def test_receiving_in_pieces(pieces: list[int], room: int) -> None:
    bench, sent, before = Bench(), b"", bytes(range(256))
    # At most the 256 bytes of the bench's buffer: a longer transfer is refused, which other tests check.
    bench.begin(RECEIVER_BASE, min(sum(pieces) + room, len(before)))
    for number, size in enumerate(pieces, start=1):
        assert bench.status(RECEIVER_BASE) == 0
        data = bytes([number + 100]) * size
        assert bench.receiver.give(data, number == len(pieces)) == size
        sent += data
    assert bench.buffer.data.tobytes() == sent + before[len(sent) :]
    assert bench.status(RECEIVER_BASE) == IDLE | COMPLETE_INTERRUPT
    assert bench.dma.read(RECEIVER_BASE + LENGTH) == len(sent)  # what was received, not what was allowed
    assert bench.receiver.give(b"x", True) == 0


def test_without_tlast_a_full_buffer_waits(bench: Bench) -> None:
    bench.begin(RECEIVER_BASE, 4)
    assert bench.receiver.give(b"abcd", False) == 4
    assert bench.status(RECEIVER_BASE) == 0
    assert bench.receiver.give(b"e", True) == 0
    assert bench.status(RECEIVER_BASE) == HALTED | INTERNAL_ERROR | ERROR_INTERRUPT


def test_a_packet_longer_than_the_buffer_fills_it_and_stops(bench: Bench) -> None:
    bench.begin(RECEIVER_BASE, 4)
    assert bench.receiver.give(b"abcdef", True) == 4
    assert bench.buffer.data[:6].tobytes() == b"abcd\x04\x05"
    assert bench.status(RECEIVER_BASE) == HALTED | INTERNAL_ERROR | ERROR_INTERRUPT
    assert bench.dma.read(RECEIVER_BASE + CONTROL) & RUN == 0


@BOTH
@pytest.mark.parametrize(("offset", "length"), [(256, 8), (0, 257), (-8, 8), (0x4000_0000, 8)])
def test_an_address_without_memory_is_a_decode_error(bench: Bench, base: int, offset: int, length: int) -> None:
    bench.begin(base, length, bench.buffer.address + offset)
    assert bench.status(base) == HALTED | DECODE_ERROR | ERROR_INTERRUPT
    bench.dma.write(base + CONTROL, RUN)  # PG021: only a reset gets out of an error
    assert bench.status(base) & HALTED
    bench.dma.write(base + CONTROL, RESET)
    bench.begin(base, 8)
    assert bench.status(base) == 0


@BOTH
def test_an_unaligned_address_is_an_error(bench: Bench, base: int) -> None:
    bench.begin(base, 8, bench.buffer.address + 4)
    assert bench.status(base) == HALTED | INTERNAL_ERROR | ERROR_INTERRUPT


@BOTH
def test_memory_that_is_freed_during_a_transfer(bench: Bench, base: int) -> None:
    bench.begin(base, 8)
    bench.memory.free(bench.identifier)
    assert bench.sender.take(8, 1) == b""
    assert bench.receiver.give(b"12345678", True) == 0
    assert bench.status(base) == HALTED | DECODE_ERROR | ERROR_INTERRUPT


@BOTH
def test_a_reset_of_one_direction_resets_both(bench: Bench, base: int) -> None:
    for each in (SENDER_BASE, RECEIVER_BASE):
        bench.begin(each, 8)
    bench.dma.write(base + CONTROL, RESET)
    for each in (SENDER_BASE, RECEIVER_BASE):
        assert bench.status(each) == HALTED
        assert bench.dma.read(each + ADDRESS) == 0


def test_addresses_have_as_many_bits_as_the_port() -> None:
    memory = Memory(load_board("kv260"))
    for bits, expected in ((32, (0x1234_5678, 0)), (40, (0x1234_5678, 0xFF))):
        dma = AxiDma(Sender(memory, bits, 8), None)
        dma.write(ADDRESS_MSB, 0xFFFF_FFFF)
        dma.write(ADDRESS, 0x1234_5678)
        assert (dma.read(ADDRESS), dma.read(ADDRESS_MSB)) == expected


def test_a_direction_that_is_not_built_in_reads_zero() -> None:
    dma = AxiDma(None, None)
    for register in range(0, 0x60, 4):
        dma.write(register, 0xFFFF_FFFF)
        assert dma.read(register) == 0
    assert dma.read(0x1000) == 0
