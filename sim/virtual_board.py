"""The virtual board: a PYNQ.remote server that real, unmodified pynq programs drive as they would a board.

Within `with VirtualBoard("pynq-z2"):`, or beside `weft board serve`, run `PYNQ_REMOTE_DEVICES=127.0.0.1 python app.py`.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from weft.boards import Board, load_board
from weft.boards.errors import DeviceError
from weft.sim.faults import Fault
from weft.sim.machine import Machine
from weft.sim.services.server import Server, start_server
from weft.sim.timeline import Event

PYNQ_PORT = 7967  # pynq looks for remote boards at this port only
_OPEN = (
    "anyone who reaches this address may use the virtual board, as PYNQ.remote has no authentication: "
    "serve it in a network you trust"
)


class VirtualBoard:
    """A board that serves while the `with` block lasts.

    `board` is a name, a board file or a Board; the .bin files of the folder `bitstreams` lie on it from the start.
    Port 0 takes a free one; `faults` (weft.sim.faults) are what goes wrong on purpose. Raises InputError where the
    address is in use or the board runs no PYNQ, ToolError where pynq is not installed.
    """

    def __init__(
        self,
        board: str | Path | Board,
        bitstreams: str | Path | None = None,
        host: str = "127.0.0.1",
        port: int = PYNQ_PORT,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.board = load_board(board)
        self.host, self._wanted_port = host, port
        self._machine = Machine(self.board, bitstreams)
        self._running: Server | None = None
        for fault in faults:
            self.inject(fault)

    @property
    def port(self) -> int:
        """Where it listens. Raises DeviceError outside the `with` block."""
        if self._running is None:
            raise DeviceError("the virtual board is not running: use it in a with block")
        return self._running.port

    @property
    def buffers(self) -> int:
        """Buffers that programs have allocated and not freed."""
        with self._machine.lock:
            return self._machine.memory.count

    def inject(self, fault: Fault) -> None:
        """Let something go wrong from now on, also while it serves."""
        self._machine.faults.add(fault)

    @property
    def elapsed_cycles(self) -> int:
        """Cycles that the fabric has worked, by the cycle model."""
        with self._machine.lock:
            return self._machine.timeline.elapsed_cycles

    @property
    def elapsed_s(self) -> float:
        """Seconds that the fabric has worked, at the fabric clock that was set."""
        with self._machine.lock:
            return self._machine.timeline.elapsed_s

    @property
    def timeline(self) -> list[Event]:
        """What the fabric did; the last 100,000 events."""
        with self._machine.lock:
            return self._machine.timeline.events

    def start(self) -> None:
        """Begin to serve."""
        if self._running is None:
            self._running = start_server(self._machine, self.host, self._wanted_port)

    def stop(self) -> None:
        """Stop serving; a second call does nothing. What programs left on the board stays for the next start."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __enter__(self) -> VirtualBoard:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    board: str | Path | Board,
    host: str = "127.0.0.1",
    port: int = PYNQ_PORT,
    bitstreams: str | Path | None = None,
) -> None:
    """Serve a virtual board until SIGINT (Ctrl-C) or SIGTERM; call it in the main thread. Raises as VirtualBoard."""
    with _signals(signal.SIGINT, signal.SIGTERM) as wait:
        with VirtualBoard(board, bitstreams, host, port) as running:
            print(f"virtual {running.board.title} at {running.host}:{running.port}, Ctrl-C stops it", flush=True)
            if not is_loopback(running.host):
                print(_OPEN, flush=True)
            wait()
        print("stopped", flush=True)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach `host`; a name that cannot be looked up counts as open."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(entry[4][0])).is_loopback for entry in found)


@contextmanager
def _signals(*numbers: signal.Signals) -> Iterator[Callable[[], None]]:
    """Catch signals meanwhile; the function it gives waits for the first.

    Python writes a signal's number into a socket, whichever thread the system gives it to. A handler that sets a
    threading.Event would wait for ever if the main thread were just entering the event's wait().
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        sender.setblocking(False)
        handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
        descriptor = signal.set_wakeup_fd(sender.fileno())

        def wait() -> None:
            while not set(receiver.recv(64)) & set(numbers):
                pass

        try:
            yield wait
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in handlers.items():
                signal.signal(number, handler)
