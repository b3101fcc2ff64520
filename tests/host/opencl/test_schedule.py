"""Buffers are shared by tensors that do not live together, and by no others."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards.errors import DeviceError
from weft.host.opencl.schedule import Launch, place
from weft.host.opencl.tensor import Storage, Tensor

BYTE = np.dtype(np.uint8)


class Memory:
    """As much of a context as placing needs."""

    def __init__(self, room: int = 10**9) -> None:
        self.made: list[Block] = []
        self.room = room

    def require(self, sizes: list[int]) -> None:
        if sum(sizes) > self.room:
            raise DeviceError("out of memory")

    def buffer(self, size: int) -> Block:
        self.made.append(Block(max(size, 16)))
        return self.made[-1]


class Block:
    """A buffer that knows its size."""

    def __init__(self, size: int) -> None:
        self.size = size


@given(
    sizes=st.lists(st.integers(0, 100), min_size=1, max_size=8),
    launches=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=3), max_size=10),
    kept=st.lists(st.integers(0, 7), max_size=2),
)
def test_nothing_that_lives_is_overwritten(sizes: list[int], launches: list[list[int]], kept: list[int]) -> None:
    storages = [Storage(size) for size in sizes]
    used = [[number % len(sizes) for number in launch] for launch in launches]
    ends = {number % len(sizes) for number in kept}
    memory: Any = Memory()
    program = [
        Launch("", "", tuple(Tensor((sizes[n],), BYTE, storages[n]) for n in numbers), (1,), None) for numbers in used
    ]
    made = place(memory, program, [storages[number] for number in ends])
    assert made == memory.made
    alive = {number: [at for at, numbers in enumerate(used) if number in numbers] for number in range(len(sizes))}
    spans = {
        number: (-1, len(used)) if number in ends else (min(at), max(at))
        for number, at in alive.items()
        if at or number in ends
    }
    for first, (begin, end) in spans.items():
        assert storages[first].buffer.size >= sizes[first]
        for second, (start, stop) in spans.items():
            if first != second and begin <= stop and start <= end:
                assert storages[first].buffer is not storages[second].buffer


def test_a_chain_needs_two_buffers() -> None:
    storages = [Storage(100) for _ in range(9)]
    tensors = [Tensor((100,), BYTE, storage) for storage in storages]
    memory: Any = Memory()
    place(memory, [Launch("", "", pair, (1,), None) for pair in pairwise(tensors)], [])
    assert len(memory.made) == 2


def test_nothing_is_made_where_there_is_no_room_for_all() -> None:
    storages = [Storage(100) for _ in range(3)]
    launch = Launch("", "", tuple(Tensor((100,), BYTE, storage) for storage in storages), (1,), None)
    memory: Any = Memory(room=299)
    with pytest.raises(DeviceError, match="out of memory"):
        place(memory, [launch], [])
    assert not memory.made
    assert all(storage.buffer is None for storage in storages)
