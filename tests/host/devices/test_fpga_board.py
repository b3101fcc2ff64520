"""The FPGA device: what stays on the board between runs, what faults become, and that nothing is left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from small_designs import dense_design

pytest.importorskip("pynq")

from opened_board import opened

from weft.boards import load_board
from weft.boards.errors import DeviceError, InputError
from weft.hls.design import Design
from weft.host.device import Region
from weft.host.devices.fpga import FpgaDevice
from weft.host.streams import ends, pack, unpack
from weft.sim import Fault, VirtualBoard
from weft.sim.faults import CALLS
from weft.sim.image import pack as pack_image

BOARD = load_board("pynq-z2")
_FEW = 5
Floats = NDArray[np.float32]


def region(design: Design, name: str = "fpga0") -> Region:
    model = ir.Model(ir.Graph([], [], nodes=[]), ir_version=10)
    return Region(name, "fpga", (), ("x",), ("y",), model, design=design)


REGION = region(dense_design())


def values(samples: int) -> Floats:
    return np.random.default_rng(samples).normal(0, 2, (samples, 4)).astype(np.float32)


def expected(design: Design, x: Floats) -> Floats:
    (source,), (target,) = ends(design)
    return unpack(np.asarray(design.run(pack(x, source))), target)


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard(BOARD, port=0) as running:
        yield running


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The remote procedures that were called, by name."""
    from weft.host import pynq_board

    made: list[str] = []

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
            call = real(self, path, *arguments, **options)

            def noted(request: Any, **more: Any) -> Any:
                made.append(path.rpartition("/")[2])
                return call(request, **more)

            return noted

        return method

    for name in ("unary_unary", "unary_stream", "stream_unary"):
        monkeypatch.setattr(pynq_board._BoundedChannel, name, counted(getattr(pynq_board._BoundedChannel, name)))
    return made


# ---------------------------------------------------------------- what stays on the board


def test_a_run_takes_nine_remote_procedures(board: VirtualBoard, calls: list[str]) -> None:
    with opened(board) as device:
        program = device.prepare(REGION)
        for samples in (5, 5, 7):
            calls.clear()
            x = values(samples)
            np.testing.assert_array_equal(program.run({"x": x})["y"], expected(dense_design(), x))
        # The third has another sample count, which is one more, in buffers that were there.
        assert sorted(calls) == sorted(
            ["read"] * 3 + ["write"] * 5 + ["flush", "invalidate"]  # registers and buffers have reads and writes
        )
        assert "allocate" not in calls


def test_equal_bitstreams_are_loaded_once(board: VirtualBoard, calls: list[str]) -> None:
    with opened(board) as device:
        first = device.prepare(REGION)
        calls.clear()
        second = device.prepare(REGION)
        assert calls == []
        first.close()
        first.close()
        x = values(3)
        np.testing.assert_array_equal(second.run({"x": x})["y"], expected(dense_design(), x))
        second.close()
        assert board.buffers == 0
        third = device.prepare(REGION)
        third.run({"x": x})
        assert "writefile" not in calls


def test_two_designs_take_turns_in_the_fabric(board: VirtualBoard) -> None:
    other = dense_design(4, 6, "net_other")
    with opened(board) as device:
        one, two = device.prepare(REGION), device.prepare(region(other, "fpga1"))
        for samples in (3, 9):
            x = values(samples)
            np.testing.assert_array_equal(one.run({"x": x})["y"], expected(dense_design(), x))
            np.testing.assert_array_equal(two.run({"x": x})["y"], expected(other, x))


def shared(*designs: Design) -> list[Region]:
    return [region(design, f"fpga{number}") for number, design in enumerate(designs)]


def test_designs_of_one_bitstream_are_loaded_once_and_interleave(board: VirtualBoard, calls: list[str]) -> None:
    regions = shared(dense_design(), dense_design(4, 6, "net_other"), dense_design())
    with opened(board) as device:
        programs = [device.prepare(regions[0], None, regions)]
        loads = calls.count("writefile")  # the image, and its name to the FPGA manager
        programs += [device.prepare(each, None, regions) for each in regions[1:]]
        for samples in (3, 9, 9, 1):
            for program in programs:
                x = values(samples)
                np.testing.assert_array_equal(program.run({"x": x})["y"], expected(program.design, x))
        assert calls.count("writefile") == loads > 0
        for program in programs:
            program.close()
        assert board.buffers == 0
    assert {event.track for event in board.timeline} == {
        *(f"design_{number}" for number in range(3)),
        *(f"axi_dma_{number} {way}" for number in range(3) for way in ("send", "receive")),
    }


def test_threads_run_two_designs_of_one_bitstream(board: VirtualBoard) -> None:
    regions = shared(dense_design(), dense_design(4, 6, "net_other"))
    with opened(board) as device, ThreadPoolExecutor(4) as pool:
        programs = [device.prepare(each, None, regions) for each in regions]
        jobs = [(program, values(samples)) for samples in range(1, 9) for program in programs]
        results = pool.map(lambda job: job[0].run({"x": job[1]})["y"], jobs)
        for (program, x), result in zip(jobs, results, strict=True):
            np.testing.assert_array_equal(result, expected(program.design, x))


def test_bitstreams_of_several_designs_take_turns_in_the_fabric(board: VirtualBoard) -> None:
    one, two = (shared(*(dense_design(4, outputs, f"net_{outputs}") for outputs in pair)) for pair in ((3, 6), (5, 2)))
    with opened(board) as device:
        programs = [device.prepare(each, None, regions) for regions in (one, two) for each in regions]
        for samples in (3, 9):
            for program in programs[::2] + programs[1::2]:
                x = values(samples)
                np.testing.assert_array_equal(program.run({"x": x})["y"], expected(program.design, x))


def test_a_programs_buffers_are_freed_though_its_neighbour_stays(board: VirtualBoard) -> None:
    regions = shared(dense_design(), dense_design(4, 6, "net_other"))
    with opened(board) as device:
        first, second = (device.prepare(each, None, regions) for each in regions)
        first.run({"x": values(3)})
        second.run({"x": values(3)})
        assert board.buffers == 4
        first.close()
        assert board.buffers == 2
        x = values(5)
        np.testing.assert_array_equal(second.run({"x": x})["y"], expected(second.design, x))


def test_a_sample_longer_than_a_transfer_is_refused_before_anything_is_loaded(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.host.design_driver.MAXIMUM_TRANSFER", 10)  # five int16
    regions = shared(dense_design(), dense_design(4, 6, "net_other"))
    with opened(board) as device, pytest.raises(DeviceError, match="one sample of net_other is longer than an AXI DMA"):
        device.prepare(regions[0], None, regions)
    assert board._machine.fabric is None


def test_designs_that_share_a_bitstream_share_a_clock(board: VirtualBoard) -> None:
    regions = shared(dense_design(), replace(dense_design(), clock_ns=5.0))
    with opened(board) as device, pytest.raises(InputError, match=r"share one clock, and these have 5\.0 ns, 10\.0 ns"):
        device.prepare(regions[0], None, regions)


@pytest.mark.parametrize("samples", [0, 1, 7, 8, 9, 29])
def test_long_batches_go_in_pieces_through_two_buffers(
    board: VirtualBoard, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.host.design_driver.PIECE", 8 * 6)  # eight samples of 3 int16
    x = values(samples)
    with opened(board) as device:
        program = device.prepare(REGION)
        for _ in range(2):
            np.testing.assert_array_equal(program.run({"x": x})["y"], expected(dense_design(), x))
        assert board.buffers <= 8


def test_batches_of_every_size_keep_few_buffers(board: VirtualBoard) -> None:
    with opened(board) as device:
        program = device.prepare(REGION)
        for samples in (1, 2, 3, 30, 31, 64, 5, 100, 1):
            x = values(samples)
            np.testing.assert_array_equal(program.run({"x": x})["y"], expected(dense_design(), x))
            assert board.buffers <= 8
    assert board.buffers == 0


def test_threads_share_a_program(board: VirtualBoard) -> None:
    with opened(board) as device, ThreadPoolExecutor(4) as pool:
        program = device.prepare(REGION)
        batches = [values(samples) for samples in range(1, 9)]
        for x, result in zip(batches, pool.map(lambda x: program.run({"x": x})["y"], batches), strict=True):
            np.testing.assert_array_equal(result, expected(dense_design(), x))


def test_a_board_has_one_session_at_a_time(board: VirtualBoard) -> None:
    with opened(board) as first, opened(board) as second:
        first.prepare(REGION)
        with pytest.raises(DeviceError, match=rf"127\.0\.0\.1:{board.port} is held by .*\(process {os.getpid()}, "):
            second.prepare(REGION)
        first.close()
        second.prepare(REGION)


# ---------------------------------------------------------------- faults


FAULTS = {
    "dma_timeout": r"the FPGA gave no answer for 5 samples within 1 s \(DMA timeout at axi_dma_0\)",
    "wrong_bitstream": "running on the FPGA failed: nothing answers at 0x[0-9a-f]+: the loaded overlay has no IP there",
    "memory_exhausted": "running on the FPGA failed: .* bytes of contiguous memory are not free on the board",
    "channel_broken": r"running on the FPGA failed: the board cannot be reached \(Socket closed",
    "board_silent": "running on the FPGA failed: the board gave no answer within 1 s",
    "board_gone": "running on the FPGA failed: the board cannot be reached",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.host.pynq_board.CALL_S", 1.0)
    monkeypatch.setattr("weft.host.devices.fpga._PATIENCE_S", 0.6)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_mid_run_is_a_device_error_and_the_next_run_recovers(kind: Any, board: VirtualBoard) -> None:
    x = values(5)
    with opened(board) as device:
        program = device.prepare(REGION)
        if kind != "memory_exhausted":  # this one strikes when the first run allocates
            program.run({"x": x})
        board.inject(Fault(kind, after=4 if kind in CALLS else 0, times=1))
        began = time.monotonic()
        with pytest.raises(DeviceError, match=FAULTS[kind]) as caught:
            program.run({"x": x})
        assert time.monotonic() - began < 8
        assert "\n" not in str(caught.value)
        if kind == "board_gone":
            with pytest.raises(DeviceError, match="cannot be reached"):
                program.run({"x": x})
            return
        np.testing.assert_array_equal(program.run({"x": x})["y"], expected(dense_design(), x))
        assert board.buffers == 2
    assert board.buffers == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", FAULTS)
def test_after_a_fault_in_one_design_its_neighbour_runs_on(kind: Any, board: VirtualBoard) -> None:
    """The bitstream is loaded anew, since the state of the board is unknown."""
    regions = shared(dense_design(), dense_design(4, 6, "net_other"))
    x = values(5)
    with opened(board) as device:
        programs = [device.prepare(each, None, regions) for each in regions]
        programs[0].run({"x": x})
        if kind != "memory_exhausted":  # this one strikes when a design's first run allocates
            programs[1].run({"x": x})
        board.inject(Fault(kind, after=4 if kind in CALLS else 0, times=1))
        said = FAULTS[kind].replace("axi_dma_0", "axi_dma_1")
        with pytest.raises(DeviceError, match=said):
            programs[1].run({"x": x})
        if kind == "board_gone":
            return
        for program in programs:
            np.testing.assert_array_equal(program.run({"x": x})["y"], expected(program.design, x))
        assert board.buffers == 4
    assert board.buffers == 0


def test_another_programs_bitstream_is_noticed_by_a_design_that_has_not_run(board: VirtualBoard) -> None:
    regions = shared(dense_design(), dense_design())
    with opened(board) as device:
        first, second = (device.prepare(each, None, regions) for each in regions)
        first.run({"x": values(6)})
        with board._machine.lock:
            board._machine.program(pack_image([dense_design(4, 6)] * 2, "pynq-z2", 10.0))
        with pytest.raises(DeviceError, match="another bitstream than this session's is on the board"):
            second.run({"x": values(6)})


PREPARING = (
    r"connecting to the PYNQ board at 127\.0\.0\.1:\d+",
    "asking the board what it is",
    r"loading fpga0-\w{12}\.bin",
)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("after", [0, 3, 12])
def test_a_fault_while_preparing(kind: Any, after: int) -> None:
    with VirtualBoard(BOARD, port=0, faults=[Fault(kind, after)]) as board, opened(board) as device:
        began = time.monotonic()
        with pytest.raises(DeviceError, match=f"({'|'.join(PREPARING)}) failed: the board ") as caught:
            device.prepare(REGION)
        assert time.monotonic() - began < 8
        assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["board_silent", "board_gone"])
def test_closing_does_not_wait_for_a_board_that_went(kind: Any, board: VirtualBoard) -> None:
    with opened(board) as device:
        program = device.prepare(REGION)
        for samples in (1, 2, 4, 8):
            program.run({"x": values(samples)})
        board.inject(Fault(kind))
        began = time.monotonic()
        program.close()
    gc.collect()
    assert time.monotonic() - began < 3


def test_another_programs_bitstream_is_noticed_though_its_registers_are_alike(board: VirtualBoard) -> None:
    """Without the check the other design's numbers would come back."""
    other = replace(dense_design(), layers=dense_design().layers, name="net_other")
    with opened(board) as device:
        program = device.prepare(REGION)
        x = values(6)
        program.run({"x": x})
        with board._machine.lock:
            board._machine.program(pack_image([other], "pynq-z2", 10.0))
        with pytest.raises(DeviceError, match="another bitstream than this session's is on the board"):
            program.run({"x": x})
        np.testing.assert_array_equal(program.run({"x": x})["y"], expected(dense_design(), x))


# ---------------------------------------------------------------- nothing is left behind


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def threads_fall_to(count: int) -> bool:
    """gRPC's threads end a moment after their channel, those of boards of earlier tests too: a few may come and go
    meanwhile, where twenty sessions that each left one would leave twenty."""
    deadline = time.monotonic() + 10
    while threading.active_count() > count + _FEW and time.monotonic() < deadline:
        time.sleep(0.05)
    return threading.active_count() <= count + _FEW


def test_twenty_sessions_leave_nothing_behind(board: VirtualBoard) -> None:
    """The long version, 1,000 of them, is in tests/bench/bench_soak.py."""

    def session() -> None:
        with opened(board) as device:
            device.prepare(REGION).run({"x": values(3)})

    session()
    gc.collect()
    threads, files = threading.active_count(), open_files()
    for _ in range(20):
        session()
    gc.collect()
    assert board.buffers == 0
    assert threads_fall_to(threads)
    assert open_files() <= files + 2


def test_twenty_boards_in_this_process_leave_nothing_behind() -> None:
    def session() -> None:
        device = FpgaDevice("fpga", BOARD)
        device.prepare(REGION).run({"x": values(3)})
        device.close()
        device.close()

    session()
    gc.collect()
    before, files = threading.active_count(), open_files()
    for _ in range(20):
        session()
    gc.collect()
    assert threads_fall_to(before)
    assert open_files() <= files + 2
