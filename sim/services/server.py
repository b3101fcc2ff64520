"""Services as a gRPC server: the remote procedures' names and messages are read off pynq's own descriptors.

A service returns the fields of a reply. What it raises becomes the reply's `msg` where pynq looks at that, and a gRPC
status elsewhere; remote procedures that a virtual board has not (RF clocks and converters) answer UNIMPLEMENTED.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from weft.boards.errors import InputError, ToolError, WeftError
from weft.sim.machine import Machine
from weft.sim.services.buffer import Buffers
from weft.sim.services.device import Device
from weft.sim.services.faulty import fault_interceptor
from weft.sim.services.gpio import Gpio
from weft.sim.services.limits import LARGEST_MESSAGE
from weft.sim.services.mmio import Mmio

# Module of pynq.remote, and what answers its service.
_SERVICES: dict[str, Callable[[Machine], Any] | None] = {
    "remote_device_pb2": Device,
    "mmio_pb2": Mmio,
    "buffer_pb2": Buffers,
    "gpio_pb2": Gpio,
    "xrfclk_pb2": None,
    "xrfdc_pb2": None,
}
# pynq 4.0.0 ignores the `msg` of these replies (pynq/pl_server/remote_device.py).
_UNREAD = {"buffer.RemoteBuffer.allocate", "buffer.RemoteBuffer.read"}
_WORKERS = 32
_STREAMS = 24  # a remote procedure that streams holds a worker while its program is slow: some stay for the others
_MALFORMED = object()  # in place of a request
_OPTIONS = [
    ("grpc.so_reuseport", 0),  # by default two servers share a port, and neither says so
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
]


class Server:
    """A server that runs, and its port."""

    def __init__(self, server: Any, port: int, pool: ThreadPoolExecutor, stopped: threading.Event) -> None:
        self.port = port
        self._server, self._pool, self._stopped = server, pool, stopped

    def stop(self) -> None:
        """End every call and every thread, and give the port back."""
        self._stopped.set()
        self._server.stop(grace=None)  # cancels every call and waits for the end of each
        self._pool.shutdown(cancel_futures=True)


def require_grpc() -> Any:
    """The grpc package. Raises ToolError where it, or pynq, is not installed."""
    try:
        import grpc

        import_module("pynq.remote.mmio_pb2")
    except ImportError as error:
        raise ToolError(
            f"the virtual board needs the pynq package, which cannot be imported ({error}): pip install 'weft[pynq]'"
        ) from error
    return grpc


def start_server(machine: Machine, host: str, port: int) -> Server:
    """Serve `machine`. Port 0 takes one that is free.

    Raises InputError where the address cannot be bound, for example because the port is in use.
    """
    grpc = require_grpc()
    _check_free(host, port)
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="virtual-board")
    stopped = threading.Event()
    interceptor = fault_interceptor(grpc, machine.faults, lambda: server.stop(grace=None), stopped)
    server = grpc.server(pool, interceptors=[interceptor], options=_OPTIONS, maximum_concurrent_rpcs=2 * _WORKERS)
    streams = threading.BoundedSemaphore(_STREAMS)
    for module, service in _SERVICES.items():
        messages = import_module(f"pynq.remote.{module}")
        server.add_generic_rpc_handlers((_handlers(grpc, messages, service and service(machine), machine, streams),))
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise InputError(_unbound(host, port, "another program took it"))
    server.start()
    return Server(server, bound, pool, stopped)


def _check_free(host: str, port: int) -> None:
    """Bind and let go: gRPC's own refusal would not say why, and writes to the terminal."""
    if not 0 <= port <= 65535:
        raise InputError(f"the virtual board cannot listen at port {port}: a port is a number from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left may be taken
            trial.bind(found[4])
            trial.listen(1)
    except OSError as error:
        raise InputError(_unbound(host, port, (error.strerror or str(error)).lower())) from None


def _unbound(host: str, port: int, reason: str) -> str:
    return f"the virtual board cannot listen at {host}:{port} ({reason}): stop what is there, or give another port"


def _handlers(grpc: Any, messages: Any, service: Any, machine: Machine, streams: threading.Semaphore) -> Any:
    """gRPC's handlers for the one service that a generated module describes."""
    (described,) = messages.DESCRIPTOR.services_by_name.values()
    handlers = {}
    for method in described.methods:
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        answer = _answer(grpc, method, service, machine, getattr(messages, method.output_type.name))
        if method.client_streaming or method.server_streaming:
            answer = _counted(grpc, answer, method.server_streaming, streams)
        handlers[method.name] = getattr(grpc, f"{kind}_rpc_method_handler")(
            answer,
            request_deserializer=partial(_decoded, getattr(messages, method.input_type.name)),
            response_serializer=getattr(messages, method.output_type.name).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(described.full_name, handlers)


def _answer(
    grpc: Any, method: Any, service: Any, machine: Machine, reply: Callable[..., Any]
) -> Callable[[Any, Any], Any]:
    """What gRPC calls for one remote procedure."""
    implementation = getattr(service, method.name, None)
    if implementation is None:
        return _absent(grpc, method.full_name, machine)
    if method.server_streaming:
        return _streaming(grpc, implementation, machine, reply)
    in_message = "msg" in method.output_type.fields_by_name and method.full_name not in _UNREAD

    def answer(request: Any, context: Any) -> Any:
        try:
            if method.client_streaming:  # takes the lock itself, not while it waits for the program
                return reply(**implementation(_well_formed(request)))
            with machine.lock:
                return reply(**implementation(_well_formed(request)))
        except (WeftError, MemoryError) as error:
            if in_message:
                return reply(msg=_text(error))
            return context.abort(_status(grpc, error), _text(error))

    return answer


def _decoded(kind: Any, data: bytes) -> Any:
    """A request, or _MALFORMED for bytes that are none. Raises nothing and never gives None.

    Either makes gRPC 1.64 (grpc/_server.py) send the call's status itself. Where requests are a stream, the handler's
    iterator then ends as if the client had sent all, so that the handler returns and its status is sent too; gRPC's
    core ignores a second one and never reports it as sent, and `stop` waits for that report without end.
    """
    try:
        return kind.FromString(data)
    except Exception:  # protobuf's DecodeError, and UnicodeDecodeError
        return _MALFORMED


def _well_formed(request: Any) -> Any:
    """The request, or each of a stream. Raises InputError for bytes that were none."""
    if isinstance(request, Iterator):
        return map(_well_formed, request)
    if request is _MALFORMED:
        raise InputError("a request is no message of PYNQ.remote: its bytes are malformed")
    return request


def _counted(
    grpc: Any, answer: Callable[[Any, Any], Any], server_streaming: bool, streams: threading.Semaphore
) -> Callable[[Any, Any], Any]:
    """Refuse a stream where as many are open as there may be: idle ones must not keep the board from answering."""

    @contextmanager
    def place(context: Any) -> Iterator[None]:
        if not streams.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{_STREAMS} transfers are open already: end some")
        try:
            yield
        finally:
            streams.release()

    def one(request: Any, context: Any) -> Any:
        with place(context):
            return answer(request, context)

    def many(request: Any, context: Any) -> Iterator[Any]:
        with place(context):
            yield from answer(request, context)

    return many if server_streaming else one


def _streaming(
    grpc: Any, implementation: Callable[[Any], Iterable[dict[str, Any]]], machine: Machine, reply: Callable[..., Any]
) -> Callable[[Any, Any], Iterator[Any]]:
    def answer(request: Any, context: Any) -> Iterator[Any]:
        pieces: Iterator[dict[str, Any]] | None = None
        while True:
            try:
                with machine.lock:
                    pieces = pieces or iter(implementation(_well_formed(request)))
                    piece = next(pieces, None)
            except WeftError as error:
                context.abort(_status(grpc, error), _text(error))
                return
            if piece is None:
                return
            yield reply(**piece)

    return answer


def _absent(grpc: Any, name: str, machine: Machine) -> Callable[[Any, Any], Any]:
    def answer(request: Any, context: Any) -> Any:
        del request
        text = f"{name} is not there: a virtual {machine.board.name} has no RF clocks or data converters"
        return context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

    return answer


def _status(grpc: Any, error: Exception) -> Any:
    """The user's fault (a wrong image) or the board's state (no memory, no such buffer)."""
    if isinstance(error, MemoryError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    codes = grpc.StatusCode
    return codes.INVALID_ARGUMENT if isinstance(error, InputError) else codes.FAILED_PRECONDITION


def _text(error: Exception) -> str:
    return str(error) or "the virtual board's machine has not enough memory"
