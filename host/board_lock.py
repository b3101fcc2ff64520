"""One program at a time on a board: a lock file for each address, which says who holds it.

It holds between the programs of one user on one machine, and the system lets go of it when its holder ends, however
that happens. Against other users and machines a PYNQ.remote board is claimed as well: board_claim.py.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from weft.boards.errors import DeviceError, InputError
from weft.hls.cache import private_cache

WAIT = "WEFT_BOARD_WAIT"  # environment: seconds to wait for a board that another program holds, 0 by default


@dataclass(frozen=True)
class BoardLock:
    """A board that is held: this program's name, and until when (by time.monotonic()) to wait for programs elsewhere.

    `tokens` is where the token of the last claim to the board (board_claim.py) is kept: a claim with that token is of
    a program that held this lock and is no more.
    """

    name: str
    deadline: float
    tokens: Path

    def last_token(self) -> str:
        """The token that was kept last; "" where there is none."""
        with suppress(OSError):
            return self.tokens.read_text("utf-8")
        return ""

    def keep_token(self, token: str) -> None:
        """Keep a token, also after this program has ended."""
        self.tokens.write_text(token, encoding="utf-8")


@contextmanager
def board_lock(place: str) -> Iterator[BoardLock]:
    """Hold the board at `place` (`local`, or `HOST:PORT`) while the block lasts.

    Raises DeviceError that names the holder where another session still has it after $WEFT_BOARD_WAIT seconds.
    """
    path = private_cache("boards") / (re.sub(r"[^\w.-]", "_", _canonical(place)) + ".lock")
    holder = path.with_suffix(".holder")
    lock = FileLock(path, thread_local=False)  # a session may be closed by another thread than made it
    deadline = time.monotonic() + _wait_s()
    try:
        lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
    except Timeout:
        raise DeviceError(
            f"the PYNQ board at {place} is held by {_read(holder)}: close that session, or set {WAIT} to the seconds "
            "to wait for it"
        ) from None
    try:
        name = _name()
        holder.write_text(name, encoding="utf-8")
        yield BoardLock(name, deadline, path.with_suffix(".token"))
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
    since = time.strftime("%H:%M:%S %Z")
    return f"{program} of {_user()}@{socket.gethostname()} (process {os.getpid()}, since {since})"


def _user() -> str:
    with suppress(OSError, KeyError):  # of a number without a name, as in containers
        return getpass.getuser()
    return f"user {os.getuid()}"


def _read(holder: Path) -> str:
    with suppress(OSError):
        return one_line(holder.read_text("utf-8"))
    return one_line("")


def one_line(name: str) -> str:
    """A holder's name as it may be shown, whatever it was written as."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(shown.split())[:200] or "another program"
