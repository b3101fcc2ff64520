"""The server stays answerable, and what it is sent stays bounded, whoever calls."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pynq")
grpc = pytest.importorskip("grpc")

from hostile_client import HostileClient

from weft.sim import VirtualBoard


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_no_hostile_client_breaks_the_board(besieged: VirtualBoard, seed: int) -> None:
    """The long version, of minutes, is in tests/bench/bench_soak.py."""
    client = HostileClient(besieged.port, seed)
    try:
        for _ in range(30):
            client.step()
        assert _name_of(client.channel) == b"Pynq-Z2\0"
    finally:
        client.close()


FORBIDDEN = {"open", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "os.remove", "os.mkdir"}


def test_hostile_clients_touch_no_real_file(board: VirtualBoard) -> None:
    """Whatever is asked, this process, which is client and board, opens no file and starts no process."""
    seen: list[tuple[str, str]] = []
    watching = False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in FORBIDDEN:
            seen.append((event, str(arguments[:1])))

    sys.addaudithook(watch)  # stays until Python ends
    client = HostileClient(board.port, 7)
    try:
        for turn in range(600):
            watching = turn >= 200  # what is imported at first use has been by then
            client.step()
    finally:
        watching = False
        client.close()
    assert seen == []


def test_idle_transfers_leave_workers_for_others(board: VirtualBoard) -> None:
    """Programs that begin to send and stop: further transfers are refused, everything else is answered."""
    from pynq.remote import remote_device_pb2, remote_device_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{board.port}") as channel:
        stub = remote_device_pb2_grpc.RemoteDeviceStub(channel)
        piece = remote_device_pb2.WriteFileRequest(file_path="/tmp/slow", data=b"x")
        queues: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(24)]
        calls = []
        for queue in queues:
            queue.put(piece)
            calls.append(stub.writefile.future(iter(queue.get, None), timeout=60))
        wait_until(lambda: refusal(lambda: stub.writefile(iter([piece]), timeout=20)) == FULL)
        assert stub.existsfile(remote_device_pb2.ExistsFileRequest(file_path="/tmp"), timeout=20) is not None
        for queue in queues:
            queue.put(None)
        for call in calls:
            call.result(timeout=20)
        stub.writefile(iter([piece]), timeout=20)


def test_a_client_that_hangs_up_in_the_middle_gives_its_place_back(board: VirtualBoard) -> None:
    from pynq.remote import remote_device_pb2, remote_device_pb2_grpc

    piece = remote_device_pb2.WriteFileRequest(file_path="/tmp/cut", data=bytes(1 << 20))
    for _ in range(30):  # more than there are places
        with grpc.insecure_channel(f"127.0.0.1:{board.port}") as channel:
            queue: SimpleQueue[Any] = SimpleQueue()
            queue.put(piece)
            call = remote_device_pb2_grpc.RemoteDeviceStub(channel).writefile.future(iter(queue.get, None))
            time.sleep(0.01)
            call.cancel()
            queue.put(None)
    with grpc.insecure_channel(f"127.0.0.1:{board.port}") as channel:
        stub = remote_device_pb2_grpc.RemoteDeviceStub(channel)
        wait_until(lambda: refusal(lambda: stub.writefile(iter([piece]), timeout=20)) is None)


@pytest.mark.parametrize(
    ("path", "pieces"),
    [
        ("/remote_device.RemoteDevice/writefile", [b"\n\6/tmp/x", b"\xff"]),  # a message, and bytes that are none
        ("/remote_device.RemoteDevice/download", [b"\xff"]),
        ("/buffer.RemoteBuffer/write", [bytes(5 << 20)]),  # longer than a message may be
        ("/buffer.RemoteBuffer/allocate", []),  # no message, where one has to be
        ("/buffer.RemoteBuffer/read", [b"\xff"]),
        ("/no.Service/method", [b""]),
    ],
)
def test_a_call_that_goes_wrong_keeps_no_board_from_stopping(path: str, pieces: list[bytes]) -> None:
    """gRPC 1.64 answers twice where a piece of a stream cannot be deserialised, and its stop() waits for the second
    answer without end: see `_decoded` in sim/services/server.py."""
    running = VirtualBoard("pynq-z2", port=0)
    running.start()
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        for _ in range(10):
            with pytest.raises(grpc.RpcError):
                list(channel.stream_stream(path)(iter(pieces), timeout=20))
    stopping = threading.Thread(target=running.stop, daemon=True)
    stopping.start()
    stopping.join(timeout=10)
    assert not stopping.is_alive()


def test_stopping_ends_every_thread() -> None:
    before = threading.active_count()
    for _ in range(5):
        with VirtualBoard("pynq-z2", port=0) as running, grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            assert _name_of(channel) == b"Pynq-Z2\0"
    gc.collect()
    assert threading.active_count() <= before + 1


FULL = "24 transfers are open already: end some"


def refusal(call: Callable[[], object]) -> str | None:
    """The sentence of a refusal; None for a call that is answered."""
    try:
        call()
    except grpc.RpcError as error:
        return str(error.details())
    return None


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


def _name_of(channel: Any) -> bytes:
    from pynq.remote import remote_device_pb2, remote_device_pb2_grpc

    request = remote_device_pb2.ReadFileRequest(file_path="/proc/device-tree/chosen/pynq_board")
    pieces = remote_device_pb2_grpc.RemoteDeviceStub(channel).readfile(request, timeout=20)
    return b"".join(piece.data for piece in pieces)
