"""Boards through pynq: how one is connected, what its failures become, and what keeps pynq itself from failing.

The same code runs against the virtual board, a PYNQ.remote board and the board this program runs on; only the pynq
`Device` differs.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from weft.boards.errors import ArtefactError, DeviceError, ToolError, WeftError
from weft.sim.files import VIRTUAL_MARK
from weft.sim.image import is_virtual

CONNECT_S = 5.0  # as pynq waits
CALL_S = 120.0  # pynq's own calls would wait for ever; loading a large virtual image takes longest
_connecting = threading.Lock()


def require_pynq() -> Any:
    """The pynq package. Raises ToolError where it is not installed."""
    try:
        import pynq
        import pynq.pl_server.global_state
        import pynq.pl_server.remote_device
    except ImportError as error:
        raise ToolError(
            f"running on an FPGA needs the pynq package, which cannot be imported ({error}): pip install 'weft[pynq]'"
        ) from error
    return pynq


@contextmanager
def device_errors(doing: str) -> Iterator[None]:
    """Turn what pynq, gRPC and the operating system raise into a DeviceError that says what was being done."""
    try:
        yield
    except WeftError:
        raise
    except Exception as error:
        raise DeviceError(f"{doing} failed: {_reason(error)}") from error


def is_unreachable(error: Exception) -> bool:
    """Whether an error of a remote procedure means that the board is gone, so that asking on only costs time."""
    return _status(error) in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def once_more(call: Callable[[], object]) -> None:
    """Make a remote call, and again where the connection was cut: the next call makes a new one, if the board is on."""
    try:
        call()
    except Exception as error:
        if _status(error) != "UNAVAILABLE":
            raise
        call()


def _status(error: Exception) -> str:
    """gRPC's name of what happened; "" for an error that is not gRPC's."""
    return str(getattr(getattr(error, "code", lambda: None)(), "name", ""))


def _reason(error: Exception) -> str:
    """One line: what happened, and what to do where gRPC's status says it."""
    text = getattr(error, "details", lambda: None)() or str(error) or type(error).__name__
    first = str(text).splitlines()[0]
    match _status(error):
        case "UNAVAILABLE":
            return f"the board cannot be reached ({first}): see that it is on and serves PYNQ.remote, then run again"
        case "DEADLINE_EXCEEDED":
            return f"the board gave no answer within {CALL_S:.0f} s: see that it is on and reachable, then run again"
    if type(error) is RuntimeError:  # pynq's, of what a reply says was wrong
        return f"{first}; another program may have changed the board, so run again, which loads the bitstream anew"
    return first


class _BoundedChannel:
    """A gRPC channel, in the place of pynq's GrpcChannel, whose every call ends within CALL_S seconds."""

    def __init__(self, address: str, port: int) -> None:
        import grpc

        self.channel = self  # pynq asks its GrpcChannel for this, and the channel for the rest
        self._inner = grpc.insecure_channel(f"{address}:{port}")
        self.close: Callable[[], None] = self._inner.close
        with ExitStack() as closing:
            closing.callback(self.close)  # also where the user interrupts
            try:
                grpc.channel_ready_future(self._inner).result(timeout=CONNECT_S)
            except grpc.FutureTimeoutError:
                raise TimeoutError(
                    f"no PYNQ.remote server answers there within {CONNECT_S:.0f} s: see that the board is on and "
                    "reachable"
                ) from None
            closing.pop_all()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return partial(self._inner.unary_unary(*arguments, **options), timeout=CALL_S)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return partial(self._inner.unary_stream(*arguments, **options), timeout=CALL_S)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return partial(self._inner.stream_unary(*arguments, **options), timeout=CALL_S)


def connect_remote(host: str, port: int) -> Any:
    """A pynq device for a PYNQ.remote server."""
    remote = require_pynq().pl_server.remote_device
    with device_errors(f"connecting to the PYNQ board at {host}:{port}"), _connecting:
        channel = _BoundedChannel(host, port)
        theirs, remote.GrpcChannel = remote.GrpcChannel, lambda *_: channel
        try:
            return remote.RemoteDevice(0, host, port)
        except BaseException:
            channel.close()
            raise
        finally:
            remote.GrpcChannel = theirs


def connect_local() -> Any:
    """The pynq device of the board that this program runs on."""
    pynq = require_pynq()
    with device_errors("looking for a PYNQ board in this machine"), _connecting, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynq warns where it finds none, and so does the error below
        found = [device for device in pynq.Device.devices if not device.has_capability("REMOTE")]
    if not found:
        raise DeviceError("this machine is not a PYNQ board: use fpga (the virtual board) or fpga@pynq://ADDRESS")
    return found[0]


def refuse_virtual_image(device: Any, bitstream: Path) -> None:
    """Raise ArtefactError if `bitstream` is a virtual image and `device` is a real board, before anything is loaded."""
    with bitstream.open("rb") as file:
        virtual = is_virtual(file.read(4096))
    if not virtual:
        return
    with device_errors("asking the board what it is"):
        takes_it = device.has_capability("REMOTE") and device.exists_file(VIRTUAL_MARK).exists
    if not takes_it:
        raise ArtefactError(
            f"{bitstream.name} is a virtual image, made without Vivado, and would not configure a real FPGA: "
            "build it on a machine with Vitis and Vivado, or run it on the virtual board (device fpga)"
        )


@contextmanager
def fresh_pynq_state(pynq: Any, device: Any) -> Iterator[None]:
    """Keep pynq 4.0.0 from mixing up designs and boards while it makes an Overlay.

    It keeps a pickle of the last overlay inside its own package folder, shared by every process, and reads it back
    when a bitstream has equal bytes; so one overlay at a time is made, from a clean state. Within the process it
    drives the clocks of the first board it saw, and some registers through its active device in place of the one it
    was given.
    """
    folder = Path(pynq.pl_server.global_state.STATE_DIR)
    with FileLock(folder / "weft.lock", timeout=120), ExitStack() as restore:
        restore.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # pynq warns about every memory and interrupt that it leaves to defaults
        (folder / "_current_metadata.pkl").unlink(missing_ok=True)
        restore.callback((folder / "_current_metadata.pkl").unlink, missing_ok=True)
        if device.has_capability("REMOTE"):
            pynq.pl_server.global_state.clear_global_state()
        for owner, name in ((pynq.Device, "_active_device"), (pynq.Clocks, "_real_instance"), (pynq.Clocks, "device")):
            restore.callback(_set_back, owner, name, vars(owner).get(name))
        _set_back(pynq.Clocks, "_real_instance", None)
        pynq.Device.active_device = device
        yield


def _set_back(owner: Any, name: str, value: Any) -> None:
    """Give a class attribute its former value; those that pynq makes at first use are absent until then."""
    if value is not None or name == "device":
        setattr(owner, name, value)
    elif name in vars(owner):
        delattr(owner, name)
