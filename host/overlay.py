"""A design on a PYNQ board, driven as any PYNQ program drives it: Overlay, allocate, AXI DMA, registers.

The same code runs against the virtual board, a PYNQ.remote board and the board this program runs on; only the pynq
`Device` differs.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from weft.boards.errors import ArtefactError, DeviceError, ToolError, WeftError
from weft.hls.design import Tensor
from weft.sim.files import VIRTUAL_MARK
from weft.sim.image import is_virtual

CONTROL, SAMPLES = 0x00, 0x10  # registers of design_0; bit 0 of CONTROL starts it (Vitis HLS UG1399, ap_ctrl_hs)
MAXIMUM_TRANSFER = (1 << 26) - 1  # bytes; the DMA's length register is 26 bits wide (AXI DMA PG021)
_KEPT_BATCH_SIZES = 2  # buffers stay allocated for so many batch sizes; contiguous memory on a board is scarce


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynq warns about every memory and interrupt that it leaves to defaults
        try:
            yield
        except WeftError:
            raise
        except Exception as error:
            text = getattr(error, "details", lambda: None)() or str(error) or type(error).__name__
            raise DeviceError(f"{doing} failed: {str(text).splitlines()[0]}") from error


def connect_remote(host: str, port: int) -> Any:
    """A pynq device for a PYNQ.remote server."""
    pynq = require_pynq()
    with device_errors(f"connecting to the PYNQ board at {host}:{port}"):
        return pynq.pl_server.remote_device.RemoteDevice(0, host, port)


def connect_local() -> Any:
    """The pynq device of the board that this program runs on."""
    pynq = require_pynq()
    with device_errors("looking for a PYNQ board in this machine"):
        found = [device for device in pynq.Device.devices if not device.has_capability("REMOTE")]
    if not found:
        raise DeviceError("this machine is not a PYNQ board: use fpga (the virtual board) or fpga@pynq://ADDRESS")
    return found[0]


class LoadedOverlay:
    """An overlay with the weft interface on a device: `axi_dma_i` and `design_0`."""

    def __init__(self, device: Any, bitstream: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        pynq = require_pynq()
        refuse_virtual_image(device, bitstream)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._device, self._allocate = device, pynq.allocate
        self._buffers: dict[int, tuple[list[Any], list[Any]]] = {}
        self._largest = MAXIMUM_TRANSFER // max(tensor.stream_bytes for tensor in (*inputs, *outputs))
        if self._largest == 0:
            raise DeviceError(f"one sample of {bitstream.stem} is longer than an AXI DMA transfer of 64 MiB")
        with device_errors(f"loading {bitstream.name}"):
            with _fresh_pynq_state(pynq, device):
                overlay = pynq.Overlay(str(bitstream.resolve()), device=device)
            self._design = overlay.design_0
            self._senders = [getattr(overlay, f"axi_dma_{i}").sendchannel for i in range(len(inputs))]
            self._receivers = [getattr(overlay, f"axi_dma_{i}").recvchannel for i in range(len(outputs))]

    def run(self, inputs: Sequence[NDArray[Any]], timeout_s: float) -> list[NDArray[Any]]:
        """Integers in, integers out, each (N, *tensor.shape). Raises DeviceError where the board fails or is silent."""
        samples = len(inputs[0])
        pieces = []
        with device_errors("running on the FPGA"):
            for start in range(0, samples, self._largest):
                pieces.append(self._run_batch([part[start : start + self._largest] for part in inputs], timeout_s))
        if not pieces:
            return [np.empty((0, *tensor.shape), tensor.type.storage) for tensor in self._outputs]
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]

    def _run_batch(self, inputs: Sequence[NDArray[Any]], timeout_s: float) -> list[NDArray[Any]]:
        samples = len(inputs[0])
        sources, targets = self._batch_buffers(samples)
        for buffer, values in zip(sources, inputs, strict=True):
            buffer[:] = values
        self._design.write(SAMPLES, samples)
        # The receivers first: a design whose output has nowhere to go would stall with its FIFOs full.
        for channel, buffer in zip(self._receivers, targets, strict=True):
            channel.transfer(buffer)
        self._design.write(CONTROL, 1)
        for channel, buffer in zip(self._senders, sources, strict=True):
            channel.transfer(buffer)
        deadline = time.monotonic() + timeout_s
        for channel in (*self._senders, *self._receivers):
            while not (channel.idle or channel.error):  # pynq's own wait() has no end
                if time.monotonic() > deadline:
                    raise DeviceError(f"the FPGA gave no answer for {samples} samples within {timeout_s:.0f} s")
            channel.wait()
        return [np.array(buffer) for buffer in targets]

    def _batch_buffers(self, samples: int) -> tuple[list[Any], list[Any]]:
        if samples not in self._buffers:
            while len(self._buffers) >= _KEPT_BATCH_SIZES:
                _free(self._buffers.pop(next(iter(self._buffers))))
            self._buffers[samples] = (
                [self._new_buffer(samples, tensor) for tensor in self._inputs],
                [self._new_buffer(samples, tensor) for tensor in self._outputs],
            )
        return self._buffers[samples]

    def _new_buffer(self, samples: int, tensor: Tensor) -> Any:
        return self._allocate((samples, *tensor.shape), tensor.type.storage, target=self._device)

    def close(self) -> None:
        """Free the buffers on the board."""
        while self._buffers:
            _free(self._buffers.popitem()[1])


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
def _fresh_pynq_state(pynq: Any, device: Any) -> Iterator[None]:
    """Keep pynq 4.0.0 from mixing up designs and boards while it makes an Overlay.

    It keeps a pickle of the last overlay inside its own package folder, shared by every process, and reads it back
    when a bitstream has equal bytes; so one overlay at a time is made, from a clean state. Within the process it
    drives the clocks of the first board it saw, and some registers through its active device in place of the one it
    was given.
    """
    folder = Path(pynq.pl_server.global_state.STATE_DIR)
    with FileLock(folder / "weft.lock", timeout=120), ExitStack() as restore:
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


def _free(buffers: tuple[list[Any], list[Any]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for buffer in (*buffers[0], *buffers[1]):
            with suppress(Exception):  # where the board is gone, its memory went with it
                buffer.freebuffer()
