"""A board has one holder among all machines; the second is told who, or waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from small_designs import dense_design

pytest.importorskip("pynq")
grpc = pytest.importorskip("grpc")

from opened_board import opened

from weft.boards import load_board
from weft.boards.errors import DeviceError
from weft.host import board_claim as module
from weft.host.board_claim import CLAIM, LEASE_S, Claim, board_claim
from weft.host.board_lock import BoardLock
from weft.host.device import Region
from weft.sim import VirtualBoard

BOARD = load_board("pynq-z2")
MODEL = ir.Model(ir.Graph([], [], nodes=[]), ir_version=10)
REGION = Region("fpga0", "fpga", (), ("x",), ("y",), MODEL, design=dense_design())
OTHER = Region("fpga1", "fpga", (), ("x",), ("y",), MODEL, design=dense_design(4, 6, "net_other"))
X = np.random.default_rng(0).normal(0, 2, (5, 4)).astype(np.float32)


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard(BOARD, port=0) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be another machine from now on: one whose locks are elsewhere."""

    def become(name: str) -> None:
        monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / name))

    become("first")
    monkeypatch.delenv("WEFT_BOARD_WAIT", raising=False)
    return become


@pytest.fixture
def claim(board: VirtualBoard, tmp_path: Path) -> Iterator[Callable[..., AbstractContextManager[Claim]]]:
    """Claims the board for a program of a machine, both by name."""
    with grpc.insecure_channel(f"127.0.0.1:{board.port}") as channel:

        def made(name: str, machine: str, wait_s: float = 0.0) -> AbstractContextManager[Claim]:
            lock = BoardLock(name, time.monotonic() + wait_s, tmp_path / machine)
            return board_claim(channel, "10.0.0.2:7967", lock)

        yield made


def written(board: VirtualBoard) -> str:
    with board._machine.lock:
        return board._machine.files.read(CLAIM).decode()


def write(board: VirtualBoard, text: str) -> None:
    with board._machine.lock:
        board._machine.files.write(CLAIM, text.encode())


def test_a_program_on_another_machine_is_told_the_holders_name(claim: Any) -> None:
    with claim("alice's run", "one"):
        says = "the PYNQ board at 10.0.0.2:7967 is held by alice's run: end .*WEFT_BOARD_WAIT.* for 600 s"
        with pytest.raises(DeviceError, match=says), claim("bob's", "two"):
            pytest.fail("held twice")
    with claim("bob's", "two"):  # let go of
        pass


def test_it_waits_if_it_chose_to(claim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.02)
    first = claim("alice's", "one")
    first.__enter__()
    timer = threading.Timer(0.3, first.__exit__, (None, None, None))
    timer.start()
    with claim("bob's", "two", wait_s=30.0):
        assert not timer.is_alive() or timer.finished.is_set()
    timer.join()


def test_of_programs_that_come_together_one_has_the_board(claim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLING_S", 1.0)  # more than a busy machine keeps a thread waiting
    starting, done = threading.Barrier(6), threading.Barrier(6)

    def program(number: int) -> bool:
        starting.wait()
        try:
            with claim(f"number {number}", f"machine {number}"):
                done.wait()
        except DeviceError as error:
            assert "is held by number" in str(error)
            done.wait()
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(program, range(6))) == 1


def test_the_lock_of_a_killed_program_tells_that_its_claim_is_void(board: VirtualBoard, claim: Any) -> None:
    killed = claim("killed", "one")
    killed.__enter__()
    assert "killed" in written(board)
    with claim("next on this machine", "one"):
        pass


@pytest.mark.parametrize("age", [-100.0, LEASE_S + 1])
def test_a_claim_runs_out_or_ends_with_the_board(age: float, board: VirtualBoard, claim: Any) -> None:
    killed = claim("killed", "one")
    killed.__enter__()
    token, uptime, name = written(board).splitlines()
    write(board, f"{token}\n{float(uptime) - age}\n{name}\n")
    with claim("somebody else's", "two"):
        assert "somebody else's" in written(board)


@pytest.mark.parametrize("text", ["free\n", "\n", "a\nb\nc\n", "x" * 5000, "\x00\xff\n1"])
def test_what_is_no_claim(text: str, board: VirtualBoard, claim: Any) -> None:
    write(board, text)
    with claim("mine", "one"):
        assert "mine" in written(board)
    assert written(board) == "free\n"


def test_a_name_on_a_board_is_a_strangers(board: VirtualBoard, claim: Any) -> None:
    write(board, "token\n0\n\x1b[2J" + "x" * 500)
    with pytest.raises(DeviceError, match=r"is held by \[2Jx{197}: end"), claim("mine", "one"):
        pytest.fail("held twice")


def test_two_machines_take_turns_on_a_board(board: VirtualBoard, machine: Callable[[str], None]) -> None:
    with opened(board) as first, opened(board) as second:
        expected = first.prepare(REGION).run({"x": X})["y"]
        machine("second")
        with pytest.raises(
            DeviceError, match=rf"127\.0\.0\.1:{board.port} is held by .*of \S+@\S+ \(process \d+, since"
        ):
            second.prepare(REGION)
        first.close()
        np.testing.assert_array_equal(second.prepare(REGION).run({"x": X})["y"], expected)


def test_a_session_that_was_idle_for_too_long_may_lose_its_board(
    board: VirtualBoard, machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(board) as first, opened(board) as second:
        program = first.prepare(REGION)
        expected = program.run({"x": X})["y"]
        machine("second")
        with monkeypatch.context() as patch:
            patch.setattr(module, "LEASE_S", 0.0)
            second.prepare(OTHER).run({"x": X})
        monkeypatch.setattr(module, "_RENEWAL_S", 0.0)  # from here on every run looks
        for _ in range(2):
            with pytest.raises(DeviceError, match="is held by"):
                program.run({"x": X})
        second.close()
        for _ in range(2):
            np.testing.assert_array_equal(program.run({"x": X})["y"], expected)
    assert board.buffers == 0


def test_a_run_renews_a_claim_now_and_then(board: VirtualBoard, machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(board) as device:
        program = device.prepare(REGION)
        first = written(board)
        program.run({"x": X})
        assert written(board) == first
        monkeypatch.setattr(module, "_RENEWAL_S", 0.0)
        time.sleep(0.02)  # the uptime has hundredths
        program.run({"x": X})
        assert written(board).splitlines()[::2] == first.splitlines()[::2]  # the same token and name,
        assert float(written(board).splitlines()[1]) > float(first.splitlines()[1])  # later
    assert written(board) == "free\n"
