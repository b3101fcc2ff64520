"""Whose a PYNQ.remote board is, written down on the board, where programs on other machines see it.

PYNQ.remote has no lock. Its server writes and reads files (pynq's own self test uses /tmp), a short one in one go, but
cannot make a file only where there is none. So the board is claimed by Fischer's protocol (L. Lamport, A Fast Mutual
Exclusion Algorithm, ACM TOCS 5(1), 1987): see that nobody has it, write down who wants it, wait, and see whether that
still stands. As programs end without a word, a claim that is not renewed runs out, by the board's own clock.

Programs that are not weft's look at no claim; what they do to a board is noticed by the next run (overlay.py).
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from weft.boards.errors import DeviceError
from weft.host.board_lock import WAIT, BoardLock, one_line
from weft.host.pynq_board import device_errors

CLAIM = "/tmp/weft-board-claim"
UPTIME = "/proc/uptime"  # seconds since the board started (Linux, proc_uptime(5))
LEASE_S = 600.0  # a claim that is older has run out
_RENEWAL_S = 60.0  # the least between two renewals, which cost a run four remote procedures
_SETTLING_S = 0.1  # longer than another program takes from its look to its write: a remote procedure of milliseconds
_PAUSE_S = 0.5  # between two looks while waiting
_LEAVING_S = 0.5  # for a board that may have gone to hear that it is free; it would find out by itself


@dataclass(frozen=True)
class _Entry:
    """What the claim says: a token that is the claimant's alone, the board's uptime in seconds, and a name."""

    token: str
    uptime_s: float
    name: str


class Claim:
    """The claim of this program to the board behind `channel`, made by `board_claim`."""

    def __init__(self, channel: Any, place: str, lock: BoardLock) -> None:
        self._messages: Any = import_module("pynq.remote.remote_device_pb2")
        self._stub = import_module("pynq.remote.remote_device_pb2_grpc").RemoteDeviceStub(channel)
        self._place, self._lock = place, lock
        self._token = secrets.token_hex(16)
        self._renewed = -math.inf  # by time.monotonic()

    def take(self) -> None:
        """Claim the board. Raises DeviceError that names the holder once the lock's time to wait is over."""
        while holder := self._attempt():
            if time.monotonic() >= self._lock.deadline:
                raise DeviceError(
                    f"the PYNQ board at {self._place} is held by {holder}: end that program, or set {WAIT} to the "
                    f"seconds to wait for it (a program that was killed holds a board for {LEASE_S:.0f} s)"
                )
            time.sleep(_PAUSE_S)
        self._renewed = time.monotonic()

    def renew(self) -> bool:
        """Keep the board; now and then that is written down. Returns False where it was lost and is claimed anew.

        Raises DeviceError where another program has it: it may, once this one has not renewed for LEASE_S.
        """
        if time.monotonic() - self._renewed < _RENEWAL_S:
            return True
        with device_errors(f"renewing the claim to the PYNQ board at {self._place}"):
            entry = self._read()
            if entry is not None and entry.token == self._token:
                self._write()
                self._renewed = time.monotonic()
                return True
            self.take()
        return False

    def release(self) -> None:
        """Say that the board is free, if this program had it; a board that does not answer is left alone."""
        with suppress(import_module("grpc").RpcError):
            entry = self._read(timeout=_LEAVING_S)
            if entry is not None and entry.token == self._token:
                self._put("free\n", timeout=_LEAVING_S)

    def _attempt(self) -> str:
        """Who has the board; "" for this program, from now on if nobody had it."""
        if holder := self._holder():
            return holder
        self._write()
        time.sleep(_SETTLING_S)
        return self._holder()

    def _holder(self) -> str:
        """Who has the board; "" for nobody and for this program."""
        entry = self._read()
        if entry is None or entry.token in (self._token, self._lock.last_token()):
            return ""
        age_s = self._uptime_s() - entry.uptime_s  # negative where the board was started again
        return entry.name if 0 <= age_s < LEASE_S else ""

    def _write(self) -> None:
        self._lock.keep_token(self._token)
        self._put(f"{self._token}\n{self._uptime_s()}\n{self._lock.name}\n")

    def _read(self, **options: float) -> _Entry | None:
        if not self._stub.existsfile(self._messages.ExistsFileRequest(file_path=CLAIM), **options).exists:
            return None
        text = self._get(CLAIM, **options)
        if not text:  # the server empties a file before it writes it, so somebody may be about to
            time.sleep(_SETTLING_S)
            text = self._get(CLAIM, **options)
        lines = text.splitlines()
        try:
            return _Entry(lines[0], float(lines[1]), one_line(lines[2]))
        except (IndexError, ValueError):  # "free", or nothing of weft's
            return None

    def _uptime_s(self) -> float:
        return float(self._get(UPTIME).split()[0])

    def _get(self, path: str, **options: float) -> str:
        """The start of a file, which is all of a short one."""
        pieces = self._stub.readfile(self._messages.ReadFileRequest(file_path=path), **options)
        first = next(pieces, None)
        pieces.cancel()
        return "" if first is None else first.data.decode("utf-8", "replace")

    def _put(self, text: str, **options: float) -> None:
        piece = self._messages.WriteFileRequest(file_path=CLAIM, data=text.encode())
        self._stub.writefile(iter([piece]), **options)


@contextmanager
def board_claim(channel: Any, place: str, lock: BoardLock) -> Iterator[Claim]:
    """Claim the board at `place` while the block lasts; `lock` holds it against this user's programs on this machine.

    Raises DeviceError that names the holder, or says that the board does not answer.
    """
    claim = Claim(channel, place, lock)
    with device_errors(f"connecting to the PYNQ board at {place}"):
        claim.take()
    try:
        yield claim
    finally:
        claim.release()
