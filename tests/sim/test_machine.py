"""A board without its network: loading images, registers, and simulated time."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_designs import dense_design, relu_chain

from weft.boards import Board, load_board
from weft.boards.errors import ArtefactError, DeviceError
from weft.hls.design import Design
from weft.sim import estimate, simulate
from weft.sim.image import pack
from weft.sim.machine import Machine
from weft.sim.overlay import Overlay, address_map

DESIGN = dense_design()
OTHER = dense_design(4, 6, "net_other")
BOARDS = pytest.mark.parametrize("name", ["pynq-z2", "kv260"])
STATE = "/sys/class/fpga_manager/fpga0/state"
MANAGER = "/sys/class/fpga_manager/fpga0/firmware"


def loaded(board: str | Board, design: Design = DESIGN, clock_ns: float = 10.0) -> Machine:
    machine = Machine(load_board(board))
    machine.program(pack([design], machine.board.name, clock_ns))
    return machine


def steps(machine: Machine, number: int, raw: NDArray[np.int8]) -> tuple[list[tuple[int, int]], NDArray[np.uint8]]:
    """What a program does with design `number`, register by register, and the buffer of its output."""
    design, samples = (DESIGN, OTHER)[number], len(raw)
    addresses = address_map(Overlay((DESIGN, OTHER)), machine.board.family)
    network, dma = addresses[f"design_{number}"], addresses[f"axi_dma_{number}"]
    source = machine.memory.buffer(machine.memory.allocate(4 * samples))
    target = machine.memory.buffer(machine.memory.allocate(samples * design.tensors[design.outputs[0]].stream_bytes))
    source.data[:] = np.frombuffer(raw.tobytes(), np.uint8)
    writes = [(network + 0x10, samples), (network, 1)]
    for base, buffer in ((dma, source), (dma + 0x30, target)):
        writes += [(base, 1), (base + 0x18, buffer.address), (base + 0x28, buffer.data.size)]
    return writes, target.data


def start(machine: Machine, number: int, samples: int) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Run design `number` without looking; its input, and the buffer of its output."""
    raw = np.random.default_rng(0).integers(-128, 128, (samples, 4)).astype(np.int8)
    writes, target = steps(machine, number, raw)
    for address, value in writes:
        machine.write_register(address, value)
    return raw, target


def done(machine: Machine, number: int) -> bool:
    """Whether the receiving DMA of design `number` is idle, as a program asks."""
    dma = address_map(Overlay((DESIGN, OTHER)), machine.board.family)[f"axi_dma_{number}"]
    return bool(machine.read_register(dma + 0x34) & 2)


def run(machine: Machine, samples: int) -> list[int]:
    """One run of the first design, and its output."""
    raw, target = start(machine, 0, samples)
    assert done(machine, 0)
    assert target.view(np.int16).tolist() == np.asarray(DESIGN.run(raw)).ravel().tolist()
    return [int(value) for value in target.view(np.int16)]


@BOARDS
def test_an_image_computes_what_its_design_does(name: str) -> None:
    machine = loaded(name)
    assert machine.files.read(STATE) == b"operating\n"
    assert len(run(machine, 50)) == 150


@BOARDS
def test_time_passes_by_the_cycle_model(name: str) -> None:
    machine = loaded(name)
    report = simulate(DESIGN, name)
    run(machine, 1)
    assert machine.timeline.elapsed_cycles == report.latency_cycles.worst
    run(machine, 41)
    assert machine.timeline.elapsed_cycles == report.cycles(1) + report.cycles(41)
    assert machine.timeline.elapsed_s == pytest.approx(machine.timeline.elapsed_cycles * 10e-9, rel=1e-4)
    first, *_ = machine.timeline.events
    assert (first.track, first.name, first.arguments["samples"]) == ("design_0", DESIGN.name, 1)
    assert first.arguments["cycle_model"] == "events"
    tracks = {event.track: event for event in machine.timeline.events[3:]}
    assert tracks["axi_dma_0 send"].arguments == {"bytes": 41 * 4}
    assert tracks["axi_dma_0 receive"].arguments == {"bytes": 41 * 6}
    ends = [event.start_us + event.duration_us for event in tracks.values()]
    assert max(ends) == pytest.approx(machine.timeline.elapsed_s * 1e6)
    assert all(event.start_us >= machine.timeline.events[0].duration_us for event in tracks.values())


def test_a_design_that_is_too_large_for_events_takes_the_closed_forms_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.board_report._LIMIT", 1)
    machine = loaded("pynq-z2")
    run(machine, 7)
    assert machine.timeline.events[0].arguments["cycle_model"] == "estimate"
    report, moving = estimate(DESIGN, "pynq-z2"), 1  # 4 + 6 bytes at 210 MB/s of 100 MHz: less than 5 cycles
    latency, interval = report.latency_cycles.worst, max(report.interval_cycles.worst, moving)
    assert machine.timeline.elapsed_cycles == machine.board.memory.latency_cycles + latency + 6 * interval


def test_two_designs_work_at_the_same_time_until_the_program_looks() -> None:
    """The second starts while the first works, then the first again after the second was seen to have ended."""
    machine = Machine(load_board("pynq-z2"))
    machine.program(pack([DESIGN, OTHER], "pynq-z2", 10.0))
    start(machine, 0, 500)
    start(machine, 1, 20)
    assert done(machine, 1)
    start(machine, 1, 30)
    assert done(machine, 1)
    start(machine, 0, 10)
    runs = [event for event in machine.timeline.events if event.track.startswith("design")]
    assert [(event.track, event.arguments["samples"]) for event in runs] == [
        ("design_0", 500),
        ("design_1", 20),
        ("design_1", 30),
        ("design_0", 10),
    ]
    one, two = simulate(DESIGN, "pynq-z2"), simulate(OTHER, "pynq-z2")
    cycles = [0, 0, two.cycles(20), one.cycles(500)]
    cycle_us = 1 / machine.system.fabric_mhz
    assert [event.start_us for event in runs] == pytest.approx([each * cycle_us for each in cycles])
    assert machine.timeline.elapsed_cycles == one.cycles(500) + one.cycles(10)
    assert machine.timeline.elapsed_s == pytest.approx(machine.timeline.elapsed_cycles * cycle_us * 1e-6)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), max_size=6), st.randoms(use_true_random=False))
def test_designs_know_nothing_of_each_other_however_their_registers_interleave(
    runs: list[tuple[int, int]], random: Random
) -> None:
    machine = Machine(load_board("pynq-z2"))
    machine.program(pack([DESIGN, OTHER], "pynq-z2", 10.0))
    waiting = {number: [samples for each, samples in runs if each == number] for number in (0, 1)}
    begun: dict[int, tuple[list[tuple[int, int]], NDArray[np.int8], NDArray[np.uint8]]] = {}
    while waiting[0] or waiting[1] or begun:
        number = random.choice([each for each in (0, 1) if waiting[each] or each in begun])
        if number not in begun:
            raw = np.array([[random.randint(-128, 127) for _ in range(4)] for _ in range(waiting[number].pop(0))], "i1")
            writes, target = steps(machine, number, raw)
            begun[number] = (writes, raw, target)
        writes, raw, target = begun[number]
        machine.write_register(*writes.pop(0))
        if not writes:
            assert done(machine, number)
            exact = np.asarray((DESIGN, OTHER)[number].run(raw))
            assert target.view(np.int16).tolist() == exact.ravel().tolist()
            del begun[number]
    events = [event for event in machine.timeline.events if event.track.startswith("design")]
    assert sorted((event.track, event.arguments["samples"]) for event in events) == sorted(
        (f"design_{number}", samples) for number, samples in runs
    )
    ends = [event.start_us + event.duration_us for event in events]
    assert machine.timeline.elapsed_us == max(ends, default=0.0)
    for track in ("design_0", "design_1"):
        own = [event for event in events if event.track == track]
        assert all(after.start_us >= event.start_us + event.duration_us for event, after in pairwise(own))


def test_a_design_that_waits_for_its_input_holds_up_no_other() -> None:
    machine = Machine(load_board("kv260"))
    machine.program(pack([DESIGN, OTHER], "kv260", 10.0))
    addresses = address_map(Overlay((DESIGN, OTHER)), machine.board.family)
    machine.write_register(addresses["design_0"] + 0x10, 3)
    machine.write_register(addresses["design_0"], 1)
    start(machine, 1, 9)
    assert done(machine, 1)
    assert machine.read_register(addresses["design_0"]) & 1  # AP_START stays until it has run
    assert {event.track for event in machine.timeline.events} == {"design_1", "axi_dma_1 send", "axi_dma_1 receive"}


def test_a_slower_clock_takes_longer() -> None:
    seconds = []
    for divisor in (10, 20):
        machine = loaded("pynq-z2")
        machine.system.set_divisors(0, divisor, 1)
        run(machine, 30)
        seconds.append(machine.timeline.elapsed_s)
    assert seconds[1] == pytest.approx(2 * seconds[0])


def test_memory_that_is_slower_than_the_network_sets_the_pace() -> None:
    board = load_board("pynq-z2")
    slow = replace(board, memory=replace(board.memory, bytes_per_s=1e6, efficiency=0.5))
    machine = loaded(slow)
    run(machine, 1000)
    assert machine.timeline.elapsed_s == pytest.approx(1000 * (4 + 6) / 0.5e6, rel=1e-3)


def test_an_image_is_loaded_by_name() -> None:
    machine = Machine(load_board("pynq-z2"))
    assert machine.files.read(STATE) == b"unknown\n"
    with pytest.raises(DeviceError, match=r"there is no bitstream 'net\.bin'"):
        machine.write_file(MANAGER, b"net.bin")
    assert machine.files.read(STATE) == b"firmware request error\n"
    machine.write_file("/lib/firmware/net.bin", pack([DESIGN], "pynq-z2", 10.0))
    machine.write_file("/sys/class/fpga_manager/fpga0/flags", b"0")
    machine.write_file(MANAGER, b"net.bin\n")
    assert machine.files.read(STATE) == b"operating\n"
    run(machine, 2)


def bad_images() -> dict[str, tuple[bytes, str]]:
    good = pack([DESIGN], "pynq-z2", 10.0)
    wrong_board = pack([DESIGN], "kv260", 10.0)
    layers = (DESIGN.layers[0], replace(DESIGN.layers[1], kind="Mystery"), DESIGN.layers[2])
    no_weight = (DESIGN.layers[0], replace(DESIGN.layers[1], weights={}), DESIGN.layers[2])
    no_attribute = (DESIGN.layers[0], replace(DESIGN.layers[1], attributes={}), DESIGN.layers[2])
    huge = replace(DESIGN.tensors["dense_1"], shape=(2**30, 2**30))
    wide = replace(DESIGN.tensors["input_0"], shape=(2**27,))
    return {
        "foreign": (b"\xff" * 4000, "not a virtual image"),
        "empty": (b"", "not a virtual image"),
        "damaged": (good[:-1], "damaged"),
        "another board's": (wrong_board, "made for board kv260 and this is a pynq-z2"),
        "unknown layer": (pack([replace(DESIGN, layers=layers)], "pynq-z2", 10.0), "cannot be simulated .*dense_1"),
        "no weight": (pack([replace(DESIGN, layers=no_weight)], "pynq-z2", 10.0), "cannot be simulated"),
        "no attribute": (pack([replace(DESIGN, layers=no_attribute)], "pynq-z2", 10.0), "cannot be simulated"),
        "huge": (pack([replace(DESIGN, tensors={**DESIGN.tensors, "dense_1": huge})], "pynq-z2", 10.0), "more than"),
        "wide": (pack([replace(DESIGN, tensors={**DESIGN.tensors, "input_0": wide})], "pynq-z2", 10.0), "64 MiB"),
    }


@pytest.mark.parametrize("case", bad_images())
def test_a_bad_image_is_refused_and_the_old_design_stays(case: str) -> None:
    data, sentence = bad_images()[case]
    machine = loaded("pynq-z2")
    machine.write_file("/lib/firmware/bad.bin", data)
    with pytest.raises(ArtefactError, match=r"'bad\.bin' was not loaded: .*" + sentence) as caught:
        machine.write_file(MANAGER, b"bad.bin")
    assert "\n" not in str(caught.value)
    assert machine.files.read(STATE) == b"write init error\n"
    assert not machine.files.exists("/lib/firmware/bad.bin")  # pynq uploads a name only once
    run(machine, 3)


VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2, 1.5, 2**40, -(2**63), 10**30, float("nan"), float("inf"), "", "x", "a" * 300),
    *("fixed<64,0>", "fixed<1,1>", [], {}, [0], [1, 2], [2**30]),
    *({"type": "fixed<8,3>"}, {"type": "ufixed<8,-300>"}, {"type": "fixed<8,100000>"}),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document, with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@given(
    st.sampled_from([DESIGN, relu_chain(2, 9)]),
    st.randoms(use_true_random=False),
    st.sampled_from(VALUES),
    st.booleans(),
)
def test_a_design_that_was_tampered_with_is_refused_or_runs(
    design: Design, random: Random, value: Any, delete: bool
) -> None:
    """The image's own hash is right: it protects from accidents only."""
    with zipfile.ZipFile(io.BytesIO(design.to_bytes())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(files["design.json"])
    container, key = random.choice(list(places(document)))
    if delete and isinstance(container, dict):
        del container[key]
    else:
        container[key] = value
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (files | {"design.json": json.dumps(document).encode()}).items():
            archive.writestr(name, data)
    rest = b'{"board": "pynq-z2", "clock_ns": 10, "gpios": []}\n' + buffer.getvalue()
    image = b"weft-virtual-image/1\n" + sha256(rest).hexdigest().encode() + b"\n" + rest
    machine = Machine(load_board("pynq-z2"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            machine.program(image)
        except ArtefactError as error:
            assert "\n" not in str(error)
            assert machine.fabric is None


def test_partial_reconfiguration_is_refused() -> None:
    machine = Machine(load_board("pynq-z2"))
    machine.write_file("/lib/firmware/net.bin", pack([DESIGN], "pynq-z2", 10.0))
    machine.write_file("/sys/class/fpga_manager/fpga0/flags", b"1")
    with pytest.raises(ArtefactError, match="partial reconfiguration"):
        machine.write_file(MANAGER, b"net.bin")
    assert machine.fabric is None


def test_what_is_written_to_the_manager_is_bounded() -> None:
    machine = Machine(load_board("pynq-z2"))
    with pytest.raises(DeviceError, match="takes a file's name or a flag"):
        machine.write_file(MANAGER, b"x" * 5000)
    with pytest.raises(DeviceError, match="cannot be written"):
        machine.write_file(STATE, b"operating")
    with pytest.raises(DeviceError, match="there is no bitstream"):
        machine.write_file(MANAGER, b"../../etc/\xff\x00")
    machine.write_file("/sys/class/fpga_manager/fpga0/flags", b"\xffnonsense")
    machine.write_file("/lib/firmware/net.bin", pack([DESIGN], "pynq-z2", 10.0))
    machine.write_file(MANAGER, b"net.bin")


def test_registers_where_nothing_is() -> None:
    machine = Machine(load_board("pynq-z2"))
    network = address_map(Overlay((DESIGN,)), "zynq7")["design_0"]
    with pytest.raises(DeviceError, match="no bitstream is loaded"):
        machine.read_register(network)
    machine.program(pack([DESIGN], "pynq-z2", 10.0))
    assert machine.read_register(network) == 4
    assert machine.read_register(network + 0xFFFC) == 0
    for address in (network + 0x1_0000, 0x4000_0000):
        with pytest.raises(DeviceError, match="the loaded overlay has no IP there"):
            machine.write_register(address, 1)


@pytest.mark.parametrize(
    ("address", "size"),
    [
        (0, 4),
        (0x1000_0000, 4096),
        (0x4000_0000, 0),
        (0x4000_0000, 2**63),
        (0x7FFF_FFFC, 8),
        (0xF800_0000, 0x1004),
        (2**64 - 4, 4),
    ],
)
def test_only_registers_are_mapped(address: int, size: int) -> None:
    with pytest.raises(DeviceError, match="are no registers of a virtual pynq-z2"):
        Machine(load_board("pynq-z2")).check_range(address, size)


def test_gpios() -> None:
    machine = Machine(load_board("pynq-z2"))
    overlay = Overlay(gpios=("leds", "more"))
    machine.program(pack([], "pynq-z2", 10.0, overlay.gpios))
    addresses = address_map(overlay, "zynq7")
    assert sorted(addresses) == ["leds", "more"]
    machine.write_register(addresses["leds"], 0xF5)
    assert machine.read_register(addresses["leds"]) == 5  # four pins
    assert machine.read_register(addresses["more"]) == 0
    machine.write_register(addresses["leds"] + 0x100, 1)
    assert machine.read_register(addresses["leds"] + 0x100) == 0


def test_stopping_transfers() -> None:
    machine = loaded("pynq-z2")
    dma = address_map(Overlay((DESIGN,)), "zynq7")["axi_dma_0"]
    buffer = machine.memory.buffer(machine.memory.allocate(64))
    for offset, value in ((0, 1), (0x18, buffer.address), (0x28, 64)):
        machine.write_register(dma + offset, value)
    assert machine.read_register(dma + 4) == 0
    assert machine.fabric is not None
    machine.fabric.stop_transfers()
    assert machine.read_register(dma + 4) == 1
