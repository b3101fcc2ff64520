"""The network's control registers and streams: whatever order a program works in, it gets what Design.run gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_designs import dense_design

from weft.boards import load_board
from weft.boards.errors import DeviceError
from weft.hls.design import Design
from weft.sim.accelerator import (
    AUTO_RESTART,
    CONTROL,
    DONE,
    GLOBAL_INTERRUPT,
    IDLE,
    INTERRUPT_ENABLE,
    INTERRUPT_STATUS,
    READY,
    SAMPLES,
    START,
    Accelerator,
)
from weft.sim.dma import CONTROL as DMA_CONTROL
from weft.sim.dma import IDLE as DMA_IDLE
from weft.sim.dma import INTERNAL_ERROR, Receiver, Sender
from weft.sim.memory import Memory

DESIGN = dense_design()
INPUT, OUTPUT = DESIGN.tensors[DESIGN.inputs[0]], DESIGN.tensors[DESIGN.outputs[0]]
Raw = NDArray[np.int64]


class Bench:
    """A network with one DMA channel on each side."""

    def __init__(self, design: Design = DESIGN) -> None:
        self.memory = Memory(load_board("pynq-z2"))
        self.sender, self.receiver = Sender(self.memory, 32, 8), Receiver(self.memory, 32, 8)
        self.network = Accelerator(design, [self.sender], [self.receiver])
        self.received = np.zeros(0, np.uint8)
        self.runs: list[int] = []

    def advance(self) -> None:
        self.runs += self.network.advance()

    def start(self, samples: int, flags: int = START) -> None:
        self.network.write(SAMPLES, samples)
        self.network.write(CONTROL, flags)
        self.advance()

    def send(self, raw: Raw) -> None:
        data = raw.astype(INPUT.type.storage).tobytes()
        buffer = self.memory.buffer(self.memory.allocate(len(data)))
        buffer.data[:] = np.frombuffer(data, np.uint8)
        self._begin(self.sender, buffer.address, len(data))

    def receive(self, values: int) -> None:
        buffer = self.memory.buffer(self.memory.allocate(values * OUTPUT.type.storage.itemsize))
        self.received = buffer.data
        self._begin(self.receiver, buffer.address, buffer.data.size)

    def _begin(self, channel: Sender | Receiver, address: int, length: int) -> None:
        for register, value in ((DMA_CONTROL, 1), (0x18, address), (0x28, length)):
            channel.write(register, value)
        self.advance()

    @property
    def values(self) -> list[int]:
        return [int(value) for value in self.received.view(OUTPUT.type.storage)]

    @property
    def idle(self) -> tuple[bool, bool]:
        return bool(self.sender.read(4) & DMA_IDLE), bool(self.receiver.read(4) & DMA_IDLE)


def random_raw(count: int, seed: int = 0) -> Raw:
    shape = (count, *INPUT.shape)
    return np.random.default_rng(seed).integers(INPUT.type.minimum, INPUT.type.maximum, shape, np.int64, endpoint=True)


def expected(raw: Raw) -> list[int]:
    return [int(value) for value in np.asarray(DESIGN.run(raw)).ravel()]


def act(bench: Bench, step: str, raw: Raw) -> None:
    match step:
        case "start":
            bench.start(len(raw))
        case "send":
            bench.send(raw)
        case "receive":
            bench.receive(3 * len(raw))


@pytest.mark.parametrize("order", permutations(["start", "send", "receive"]), ids="-".join)
def test_any_order(order: Sequence[str]) -> None:
    bench, raw = Bench(), random_raw(7)
    for step in order[:-1]:
        act(bench, step, raw)
        assert bench.idle == (False, False)
        assert not bench.runs
    act(bench, order[-1], raw)
    assert bench.values == expected(raw)
    assert bench.idle == (True, True)
    assert bench.receiver.read(0x28) == len(bench.received)
    assert bench.runs == [7]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_inputs_in_pieces_and_computing_in_batches(pieces: list[int], batch: int, seed: int) -> None:
    """A transfer need not end with a sample, nor a batch with a transfer."""
    values = sum(pieces) * 4
    raw = random_raw(sum(pieces), seed)
    bench = Bench()
    bench.network._batch = batch  # the batch is a matter of memory, and must not show
    bench.start(len(raw))
    bench.receive(3 * len(raw))
    cuts = [0, *(sum(pieces[: i + 1]) * 4 - (i % 4) for i in range(len(pieces) - 1)), values]
    for low, high in pairwise(cuts):
        bench.send(raw.ravel()[low:high])
        assert bench.idle[0]
    assert bench.values == expected(raw)
    assert bench.runs == [len(raw)]


def test_control_register() -> None:
    bench, raw = Bench(), random_raw(2)
    assert bench.network.read(CONTROL) == IDLE
    bench.start(2)
    assert bench.network.read(CONTROL) == START
    bench.receive(6)
    bench.send(raw)
    assert bench.network.read(CONTROL) == DONE | IDLE | READY
    assert bench.network.read(CONTROL) == IDLE  # done and ready are cleared by reading them
    assert bench.network.read(SAMPLES) == 2
    assert bench.network.read(0x14) == 0


def test_interrupt_registers() -> None:
    bench = Bench()
    bench.network.write(GLOBAL_INTERRUPT, 1)
    bench.network.write(INTERRUPT_ENABLE, 1)
    assert (bench.network.read(GLOBAL_INTERRUPT), bench.network.read(INTERRUPT_ENABLE)) == (1, 1)
    assert bench.network.read(INTERRUPT_STATUS) == 0
    bench.start(0)
    assert bench.network.read(INTERRUPT_STATUS) == 1
    bench.network.write(INTERRUPT_STATUS, 1)  # toggles
    assert bench.network.read(INTERRUPT_STATUS) == 0


def test_too_few_bytes_leave_it_busy_until_the_rest_comes() -> None:
    bench, raw = Bench(), random_raw(3)
    bench.start(3)
    bench.receive(9)
    bench.send(raw.ravel()[:10])
    assert bench.idle == (True, False)
    assert bench.network.read(CONTROL) == START
    assert bench.values[:6] == expected(raw)[:6]  # two samples were complete
    bench.send(raw.ravel()[10:])
    assert bench.values == expected(raw)
    assert bench.idle == (True, True)


def test_too_many_bytes_leave_the_sender_busy_for_the_next_run() -> None:
    bench, raw = Bench(), random_raw(5)
    bench.start(2)
    bench.receive(6)
    bench.send(raw)
    assert bench.values == expected(raw[:2])
    assert bench.idle == (False, True)
    bench.receive(9)
    bench.start(3)
    assert bench.values == expected(raw[2:])
    assert bench.idle == (True, True)
    assert bench.runs == [2, 3]


def test_an_output_buffer_that_is_too_small_is_an_error() -> None:
    bench, raw = Bench(), random_raw(4)
    bench.start(4)
    bench.receive(8)
    bench.send(raw)
    assert bench.values == expected(raw)[:8]
    assert bench.receiver.read(4) & INTERNAL_ERROR
    assert bench.network.read(CONTROL) == START
    bench.receiver.reset()
    bench.receive(4)  # what is left of the packet
    assert bench.values == expected(raw)[8:]
    assert bench.network.read(CONTROL) == DONE | IDLE | READY


def test_an_output_buffer_may_be_larger() -> None:
    bench, raw = Bench(), random_raw(2)
    bench.start(2)
    bench.receive(100)
    bench.send(raw)
    assert bench.values[:6] == expected(raw)
    assert bench.receiver.read(0x28) == 6 * OUTPUT.type.storage.itemsize


def test_no_samples_take_nothing_and_give_nothing() -> None:
    bench = Bench()
    bench.receive(3)
    bench.send(random_raw(1))
    bench.start(0, START | AUTO_RESTART)
    assert bench.idle == (False, False)
    assert bench.network.read(CONTROL) & (DONE | IDLE) == DONE | IDLE


def test_auto_restart_runs_while_there_is_input() -> None:
    bench, raw = Bench(), random_raw(4)
    bench.receive(6)
    bench.start(2, START | AUTO_RESTART)
    bench.send(raw)
    assert (bench.values, bench.runs) == (expected(raw[:2]), [2])
    bench.receive(6)
    assert (bench.values, bench.runs) == (expected(raw[2:]), [2, 2])
    assert bench.network.read(CONTROL) & START
    bench.network.write(CONTROL, 0)
    assert not bench.network.read(CONTROL) & AUTO_RESTART


def test_samples_are_those_of_the_start() -> None:
    bench, raw = Bench(), random_raw(2)
    bench.start(2)
    bench.network.write(SAMPLES, 50)
    bench.network.write(CONTROL, START)  # already running
    bench.receive(6)
    bench.send(raw)
    assert bench.values == expected(raw)


def test_only_a_types_low_bits_count() -> None:
    """The firmware cuts them out of each beat: 6 of 8 bits here."""
    narrow = replace(INPUT, type=replace(INPUT.type, width=6, integer=1))
    design = replace(DESIGN, tensors={**DESIGN.tensors, INPUT.name: narrow})
    bench, raw = Bench(design), random_raw(9)
    bench.start(9)
    bench.receive(27)
    bench.send(raw)
    wrapped = (raw + 32) % 64 - 32
    assert bench.values == np.asarray(design.run(wrapped)).ravel().tolist()
    assert (wrapped != raw).any()


def test_a_design_that_fails_while_it_runs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.start(1)
    bench.receive(3)

    def fail(*_: object) -> None:
        raise ValueError("two\nlines")

    monkeypatch.setattr(Design, "run", fail)
    with pytest.raises(DeviceError, match="design net_small failed on the virtual board: two lines"):
        bench.send(random_raw(1))
    assert bench.network.read(CONTROL) == START


def test_several_streams_wait_for_each_other() -> None:
    """Two outputs of one network: nothing is computed before both have a buffer."""
    design = replace(DESIGN, outputs=("relu_2", "dense_1"))
    memory = Memory(load_board("pynq-z2"))
    sender, receivers = Sender(memory, 32, 8), [Receiver(memory, 32, 8) for _ in range(2)]
    network = Accelerator(design, [sender], receivers)
    raw = random_raw(3)
    buffers = [memory.buffer(memory.allocate(size)) for size in (12, 3 * 3 * 2, 3 * 3 * 2)]
    buffers[0].data[:] = np.frombuffer(raw.astype(np.int8).tobytes(), np.uint8)
    network.write(SAMPLES, 3)
    network.write(CONTROL, START)
    for channel, buffer in zip((sender, *receivers), buffers, strict=True):
        assert network.advance() == []
        for register, value in ((DMA_CONTROL, 1), (0x18, buffer.address), (0x28, buffer.data.size)):
            channel.write(register, value)
    assert network.advance() == [3]
    results = design.run(raw)
    assert isinstance(results, list)
    for receiver, buffer, values in zip(receivers, buffers[1:], results, strict=True):
        assert receiver.read(4) & DMA_IDLE
        assert buffer.data.view(np.int16).tolist() == values.ravel().tolist()
