"""The devices of one session, each opened when the first region needs it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from weft.boards import Board
from weft.boards.errors import ArtefactError, InputError
from weft.host.device import Device, Program, Region
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice
from weft.host.devices.names import kind, open_device
from weft.host.devices.xrt import XrtDevice
from weft.host.step import Step


@dataclass(frozen=True)
class Opened:
    """Devices by kind: `names` says which are to be used, and `stack` closes them and their programs.

    `threads` and `affinity` are the CPU's. With `fallback` a device that cannot be had or fails gives way to the CPU.
    """

    board: Board
    names: Mapping[str, str]
    stack: ExitStack
    threads: int | None = None
    affinity: str | None = None
    fallback: bool = False
    _devices: dict[str, Device] = field(default_factory=dict)
    _turns: dict[str, AbstractContextManager[object]] = field(default_factory=dict)

    def step(self, region: Region, bitstream: Path | ArtefactError | None, together: Sequence[Region]) -> Step:
        """Make a region ready; `together` are those that share its bitstream (`sharing`), which may be known wrong.

        Raises InputError if its device is not among the names, and what the device raises.
        """
        wanted = kind(region.device)
        if wanted not in self.names:
            raise InputError(f"region {region.name!r} is planned for {wanted}, which is not among the devices given")
        stand_in = partial(self._on_cpu, region) if self.fallback and wanted != "cpu" else None
        turn = self._turns.setdefault(wanted, nullcontext() if wanted == "cpu" else threading.Lock())
        step = Step(region, partial(self._prepare, region, bitstream, together), turn, stand_in)
        self.stack.callback(step.close)
        return step

    def _prepare(self, region: Region, bitstream: Path | ArtefactError | None, together: Sequence[Region]) -> Program:
        device = self._device(kind(region.device))
        if isinstance(device, (FpgaDevice, XrtDevice)):
            if isinstance(bitstream, ArtefactError):
                raise bitstream
            return device.prepare(region, bitstream, together)
        return device.prepare(region)

    def _on_cpu(self, region: Region) -> Program:
        return self._device("cpu").prepare(region)

    def _device(self, wanted: str) -> Device:
        if wanted not in self._devices:
            on_cpu = wanted == "cpu"
            device = (
                CpuDevice(self.board, self.threads, self.affinity)
                if on_cpu
                else open_device(self.names[wanted], self.board)
            )
            self.stack.callback(device.close)
            self._devices[wanted] = device
        return self._devices[wanted]
