"""A design in the fabric: HLS's control registers (ap_ctrl_hs), a sample count, and streams to the AXI DMAs.

It computes with Design.run on integers from simulated memory. As in hardware, a run takes its inputs sample by sample
and stalls when an input is missing or an output has nowhere to go; the program then sees busy DMAs, never a hang.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.hls.design import Design, Tensor
from weft.hls.precision import FixedType
from weft.sim.dma import Receiver, Sender

# Vitis HLS UG1399, "S_AXILITE Control Register Map"
CONTROL, GLOBAL_INTERRUPT, INTERRUPT_ENABLE, INTERRUPT_STATUS, SAMPLES = 0x00, 0x04, 0x08, 0x0C, 0x10
START, DONE, IDLE, READY, AUTO_RESTART = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 7
_VALUES_AT_ONCE = 1 << 20  # values of the largest tensor that are computed together, to bound memory


@dataclass
class _Output:
    """What one output stream still has to deliver."""

    receiver: Receiver
    tensor: Tensor
    waiting: bytes = b""
    last: bool = False


@dataclass
class _Input:
    """What one input stream has taken and not computed yet, whole beats."""

    sender: Sender
    tensor: Tensor
    held: bytes = b""

    @property
    def sample_bytes(self) -> int:
        return self.tensor.stream_bytes


class Accelerator:
    """A design: input i is fed by sender i, output i drained by receiver i."""

    def __init__(self, design: Design, senders: Sequence[Sender], receivers: Sequence[Receiver]) -> None:
        self._design = design
        tensors = design.tensors
        self._inputs = [_Input(each, tensors[name]) for each, name in zip(senders, design.inputs, strict=True)]
        self._outputs = [_Output(each, tensors[name]) for each, name in zip(receivers, design.outputs, strict=True)]
        largest = max(tensor.size for tensor in tensors.values())
        self._batch = max(1, _VALUES_AT_ONCE // largest)
        self._samples = self._run_samples = self._left = 0
        self._running = self._done = self._ready = self._auto_restart = False
        self._global_interrupt = self._interrupt_enable = self._interrupt_status = 0

    def read(self, offset: int) -> int:
        """The 32-bit register at `offset`; reading CONTROL clears done and ready."""
        match offset:
            case 0x00:  # CONTROL
                value = START * self._running | DONE * self._done | IDLE * (not self._running)
                value |= READY * self._ready | AUTO_RESTART * self._auto_restart
                self._done = self._ready = False
                return value
            case 0x04:
                return self._global_interrupt
            case 0x08:
                return self._interrupt_enable
            case 0x0C:
                return self._interrupt_status
            case 0x10:  # SAMPLES
                return self._samples
        return 0

    def write(self, offset: int, value: int) -> None:
        """Write the 32-bit register at `offset`; INTERRUPT_STATUS toggles the bits that are written 1."""
        match offset:
            case 0x00:
                self._auto_restart = bool(value & AUTO_RESTART)
                if value & START and not self._running:
                    self._start()
            case 0x04:
                self._global_interrupt = value & 1
            case 0x08:
                self._interrupt_enable = value & 3
            case 0x0C:
                self._interrupt_status ^= value & 3
            case 0x10:
                self._samples = value

    def _start(self) -> None:
        self._running, self._done = True, False
        self._run_samples = self._left = self._samples

    def advance(self) -> list[int]:
        """Work as far as inputs and outputs allow; returns the sample count of each run that ended."""
        ended = []
        while self._running:
            if not self._deliver():
                break
            if self._left:
                if not self._compute():
                    break
                continue
            ended.append(self._run_samples)
            self._finish()
        return ended

    def _finish(self) -> None:
        self._running, self._done, self._ready = False, True, True
        self._interrupt_status |= self._interrupt_enable & 3  # done and ready
        if self._auto_restart and self._samples:  # one that reads no input would restart for ever
            self._start()

    def _deliver(self) -> bool:
        """Hand computed values to the receivers; returns whether all of them were taken."""
        for output in self._outputs:
            if output.waiting:
                taken = output.receiver.give(output.waiting, output.last)
                output.waiting = output.waiting[taken:]
        return not any(output.waiting for output in self._outputs)

    def _compute(self) -> bool:
        """Compute the samples that have arrived, if every output was asked for; returns whether there were any."""
        if not all(output.receiver.busy for output in self._outputs):
            return False
        wanted = min(self._left, self._batch)
        for each in self._inputs:
            missing = wanted * each.sample_bytes - len(each.held)
            each.held += each.sender.take(missing, each.tensor.type.storage.itemsize)
        count = min(len(each.held) // each.sample_bytes for each in self._inputs)
        if count == 0:
            return False
        results = self._run([_samples(each, count) for each in self._inputs])
        self._left -= count
        for output, values in zip(self._outputs, results, strict=True):
            output.waiting = values.astype(output.tensor.type.storage.newbyteorder("<")).tobytes()
            output.last = self._left == 0
        return True

    def _run(self, samples: list[NDArray[Any]]) -> list[NDArray[np.int64]]:
        """Raises DeviceError where the design cannot compute, though it could when it was loaded."""
        try:
            results = self._design.run(samples)
        except Exception as error:  # a design may come from anyone
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise DeviceError(f"design {self._design.name} failed on the virtual board: {reason}") from error
        return results if isinstance(results, list) else [results]


def _samples(source: _Input, count: int) -> NDArray[Any]:
    """The first `count` samples that an input holds, taken from it.

    The firmware keeps a type's low bits of each beat, whatever the others are (hls/templates/weft_top.cpp.j2).
    """
    size = count * source.sample_bytes
    data, source.held = source.held[:size], source.held[size:]
    kind = source.tensor.type
    beats = np.frombuffer(data, kind.storage.newbyteorder("<")).astype(np.int64)
    wrapped = FixedType(kind.width, kind.integer, kind.signed).overflowed(beats)
    return wrapped.reshape(count, *source.tensor.shape)
