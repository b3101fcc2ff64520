"""A board has one holder at a time; the second is told who, or waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from weft.boards.errors import DeviceError, InputError
from weft.host.board_lock import board_lock

HOLD = """
import sys, time
from weft.host.board_lock import board_lock
with board_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("WEFT_BOARD_WAIT", raising=False)
    return tmp_path / "cache"


def hold(place: str) -> subprocess.Popen[str]:
    """Another process that has the board until it is ended or its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_process_is_told_the_holders_name() -> None:
    with hold("127.0.0.1:7967") as other:
        began = time.monotonic()
        says = rf"127.0.0.1:7967 is held by .*\(process {other.pid}, since .*WEFT_BOARD_WAIT"
        with pytest.raises(DeviceError, match=says), board_lock("127.0.0.1:7967"):
            pytest.fail("held twice")
        assert time.monotonic() - began < 5
        with board_lock("127.0.0.1:7968"), board_lock("local"):  # other boards are free
            pass
        other.kill()
    with board_lock("127.0.0.1:7967"):  # a holder that was killed holds nothing
        pass


def test_the_second_process_waits_if_it_chose_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_BOARD_WAIT", "30")
    with hold("local") as other:
        assert other.stdin is not None
        timer = threading.Timer(0.3, other.stdin.close)
        timer.start()
        with board_lock("local"):
            assert not timer.is_alive()
        timer.join()


def test_one_board_has_one_lock_whatever_it_is_called() -> None:
    with board_lock("localhost:1"), pytest.raises(DeviceError, match="is held by"), board_lock("127.0.0.1:1"):
        pytest.fail("held twice")


def test_another_thread_may_let_go() -> None:
    lock = board_lock("local")
    lock.__enter__()
    thread = threading.Thread(target=lock.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with board_lock("local"):
        pass


def test_the_locks_are_private(own_cache: Path) -> None:
    with board_lock("local"):
        assert (own_cache / "boards").stat().st_mode & 0o777 == 0o700
        assert own_cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_wait_that_is_no_time(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_BOARD_WAIT", text)
    with pytest.raises(InputError, match="WEFT_BOARD_WAIT is"), board_lock("local"):
        pass
