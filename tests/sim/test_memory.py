"""Simulated DDR: buffers never overlap, and nothing else exists."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards import load_board
from weft.boards.errors import DeviceError
from weft.sim.memory import AddressError, Memory

BOARD = load_board("pynq-z2")


@given(st.lists(st.tuples(st.integers(1, 50_000), st.integers(0, 3)), min_size=1, max_size=60))
def test_buffers_keep_their_bytes_and_never_overlap(steps: list[tuple[int, int]]) -> None:
    """Each step allocates and fills a buffer; where its second number is 0, the oldest buffer is freed."""
    memory = Memory(BOARD)
    held: dict[str, int] = {}
    for number, (size, choice) in enumerate(steps, start=1):
        identifier = memory.allocate(size)
        assert not memory.buffer(identifier).data.any()
        memory.buffer(identifier).data[:] = number
        held[identifier] = number
        if choice == 0:
            oldest = next(iter(held))
            memory.free(oldest)
            del held[oldest]
    spans = sorted((memory.buffer(key).address, memory.buffer(key).data.size) for key in held)
    assert all(start + size <= after for (start, size), (after, _) in pairwise(spans))
    for key, number in held.items():
        buffer = memory.buffer(key)
        assert buffer.address % 4096 == 0
        assert (memory.view(buffer.address, buffer.data.size) == number).all()


def test_a_view_is_the_buffer_itself() -> None:
    memory = Memory(BOARD)
    buffer = memory.buffer(memory.allocate(100))
    memory.view(buffer.address + 10, 5)[:] = 7
    assert buffer.data.tolist() == [0] * 10 + [7] * 5 + [0] * 85


def test_only_allocated_memory_has_addresses() -> None:
    memory = Memory(BOARD)
    first, second = (memory.buffer(memory.allocate(4096)) for _ in range(2))
    assert second.address == first.address + 4096
    for address, size in ((first.address - 1, 1), (first.address, 4097), (second.address + 4096, 1), (0, 1)):
        with pytest.raises(AddressError, match="not within an allocated buffer"):
            memory.view(address, size)


def test_memory_runs_out_and_comes_back() -> None:
    memory = Memory(BOARD)
    assert memory.size == 128 * 2**20  # what PYNQ's image for this board reserves
    whole = memory.allocate(memory.size)
    with pytest.raises(DeviceError, match="1 bytes of contiguous memory are not free"):
        memory.allocate(1)
    memory.free(whole)
    with pytest.raises(DeviceError, match="there is no buffer"):
        memory.free(whole)
    halves = [memory.allocate(memory.size // 2) for _ in range(2)]
    memory.free(halves[0])
    assert memory.buffer(memory.allocate(5)).address < memory.buffer(halves[1]).address


@pytest.mark.parametrize("size", [0, -1, -(2**31)])
def test_a_buffer_has_a_size(size: int) -> None:
    with pytest.raises(DeviceError, match=f"a buffer of {size} bytes"):
        Memory(BOARD).allocate(size)


def test_buffers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.memory._LARGEST_COUNT", 3)
    memory = Memory(BOARD)
    identifiers = {memory.allocate(1) for _ in range(3)}
    assert len(identifiers) == 3
    with pytest.raises(DeviceError, match="3 buffers are allocated already"):
        memory.allocate(1)
