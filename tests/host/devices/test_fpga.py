"""The virtual board passes what every device has to, within a step of its fixed-point output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import onnx_ir as ir
import pytest
from device_suite import DeviceSuite, Floats, Made

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")

import weft
from weft.host.devices.fpga import FpgaDevice


class TestFpga(DeviceSuite):
    huge = 5_000  # samples, which the board's simulated DMA takes in several transfers

    def make(self, model: onnx.ModelProto, samples: Floats) -> Made:
        plan = weft.plan(weft.compress(model, "fixed16", calibration=samples), board="pynq-z2", devices="fpga")
        (region,) = plan.regions
        assert region.design is not None
        device = FpgaDevice("fpga", plan.board)
        step = max(2.0 ** -region.design.tensors[name].type.fraction for name in region.design.outputs)
        return Made(device.prepare(region), ir.to_proto(plan.model), 2 * step, device.close)

    @contextmanager
    def broken(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A DMA channel takes its transfer and never ends it."""
        monkeypatch.setattr("weft.host.devices.fpga._PATIENCE_S", 0.2)
        overlay = made.program._overlay  # type: ignore[attr-defined]
        overlay._senders, senders = [SilentChannel()], overlay._senders
        yield
        overlay._senders = senders


class SilentChannel:
    """A DMA channel as it is where the fabric hangs."""

    idle = error = False

    def transfer(self, buffer: object) -> None:
        """Take it."""
