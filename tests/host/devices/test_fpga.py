"""The virtual board passes what every device has to, within a step of its fixed-point output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import onnx
import onnx_ir as ir
import pytest
from device_suite import DeviceSuite, Floats, Made

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")

import weft
from weft.host.device import Program
from weft.host.devices.fpga import FpgaDevice
from weft.sim import Fault, VirtualBoard


class TestFpga(DeviceSuite):
    huge = 5_000  # samples, which the board's simulated DMA takes in several transfers
    boards: ClassVar[dict[Program, VirtualBoard]] = {}

    def make(self, model: onnx.ModelProto, samples: Floats) -> Made:
        plan = weft.plan(weft.compress(model, "fixed16", calibration=samples), board="pynq-z2", devices="fpga")
        (region,) = plan.regions
        assert region.design is not None
        board = VirtualBoard(plan.board, port=0)
        board.start()
        device = FpgaDevice(f"fpga@pynq://127.0.0.1:{board.port}", plan.board)
        program = device.prepare(region)
        self.boards[program] = board

        def close() -> None:
            device.close()
            board.stop()

        step = max(2.0 ** -region.design.tensors[name].type.fraction for name in region.design.outputs)
        return Made(program, ir.to_proto(plan.model), 2 * step, close)

    @contextmanager
    def broken(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The board takes a transfer and never ends it."""
        monkeypatch.setattr("weft.host.devices.fpga._PATIENCE_S", 0.2)
        self.boards[made.program].inject(Fault("dma_timeout"))
        yield
