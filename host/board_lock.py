"""One program at a time on a board: a lock file for each address, which says who holds it.

It holds between the programs of one user on one machine; PYNQ itself has no lock. The system lets go of it when its
holder ends, however that happens.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from weft.boards.errors import DeviceError, InputError
from weft.hls.cache import private_cache

WAIT = "WEFT_BOARD_WAIT"  # environment: seconds to wait for a board that another program holds, 0 by default


@contextmanager
def board_lock(place: str) -> Iterator[None]:
    """Hold the board at `place` (`local`, or `HOST:PORT`) while the block lasts.

    Raises DeviceError that names the holder where another session still has it after $WEFT_BOARD_WAIT seconds.
    """
    path = private_cache("boards") / (re.sub(r"[^\w.-]", "_", _canonical(place)) + ".lock")
    holder = path.with_suffix(".holder")
    lock = FileLock(path, thread_local=False)  # a session may be closed by another thread than made it
    wait_s = _wait_s()
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise DeviceError(
            f"the PYNQ board at {place} is held by {_read(holder)}: close that session, or set {WAIT} to the seconds "
            "to wait for it"
        ) from None
    try:
        holder.write_text(_name(), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _canonical(place: str) -> str:
    """Numbers in place of a name, so that `localhost` and `127.0.0.1` are one board."""
    host, _, port = place.rpartition(":")
    with suppress(OSError):
        return f"{socket.gethostbyname(host.strip('[]'))}:{port}" if host else place
    return place


def _wait_s() -> float:
    text = os.environ.get(WAIT, "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{WAIT} is {text!r}: give the seconds to wait for a board, such as 30")
    return seconds


def _name() -> str:
    program = Path(sys.argv[0]).name or "python"
    return f"{program} (process {os.getpid()}, since {time.strftime('%H:%M:%S')})"


def _read(holder: Path) -> str:
    with suppress(OSError):
        if text := holder.read_text("utf-8").strip():
            return " ".join(text.split())[:200]
    return "another program"
