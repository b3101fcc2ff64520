"""The CPU passes what every device has to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import pytest
from device_runs import prepared
from device_suite import DeviceSuite, Floats, Made

from weft.boards import load_board
from weft.host.devices.cpu import CpuDevice


class TestCpu(DeviceSuite):
    def make(self, model: onnx.ModelProto, samples: Floats) -> Made:
        device = CpuDevice(load_board("pynq-z2"))
        return Made(prepared(device, model), model, 1e-6, device.close)

    @contextmanager
    def broken(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """ONNX Runtime is asked for an output that the region lacks."""
        with monkeypatch.context() as patch:
            patch.setattr(made.program, "_outputs", ["nowhere"])
            yield
