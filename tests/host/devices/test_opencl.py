"""OpenCL passes what every device has to, and says what is wrong where something is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import onnx
import pytest
from device_runs import prepared, region_of
from device_suite import MLP, DeviceSuite, Floats, Made, compare, outputs, samples
from model_zoo import Sketch, mlp
from onnx import TensorProto

cl = pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.hls.load import load
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.context import Context


class TestOpenCl(DeviceSuite):
    def make(self, model: onnx.ModelProto, samples: Floats) -> Made:
        device = OpenClDevice()
        return Made(prepared(device, model), model, 1e-6, device.close)

    @contextmanager
    def broken(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The second launch fails."""
        enqueue, number = cl.enqueue_nd_range_kernel, count()

        def failing(*arguments: Any) -> Any:
            if next(number) == 1:
                raise cl.RuntimeError("clEnqueueNDRangeKernel", cl.status_code.OUT_OF_RESOURCES, "")
            return enqueue(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(cl, "enqueue_nd_range_kernel", failing)
            yield

    def test_the_same_program_after_a_failure(self, mlp: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        with self.broken(mlp, monkeypatch), pytest.raises(DeviceError, match="running a region failed"):
            outputs(mlp, samples(MLP))
        compare(mlp, samples(MLP))

    def test_a_batch_that_the_device_has_no_memory_for(self, mlp: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        context = made_context(mlp)
        before = context.in_use
        monkeypatch.setattr(context, "memory", before + 10_000)
        with pytest.raises(DeviceError, match="out of memory"):
            outputs(mlp, np.zeros((1_000, 16), np.float32))
        compare(mlp, samples(MLP)[:3])

    def test_what_the_device_has_is_what_plans_are_told(self, mlp: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        """And an error says what was asked for, what there is, and what to do."""
        device, context = OpenClDevice(), made_context(mlp)
        assert device.memory_bytes == context.device.global_mem_size
        monkeypatch.setattr(context, "memory", context.in_use + 10_000)
        with pytest.raises(DeviceError, match=r"[\d,]+ bytes are asked for .* 10,000 free .*; give smaller batches"):
            outputs(mlp, np.zeros((2_000, 16), np.float32))

    def test_an_estimate_of_what_is_predicted(self) -> None:
        """Views are free, and more arithmetic takes longer."""
        device = OpenClDevice()
        small, large = (device.estimate(region_of(load(mlp(*widths)), "opencl")) for widths in ((8, 8), (2000, 2000)))
        assert 0 < small.seconds < large.seconds < 1
        net = Sketch()
        shaped = net.model({"x": (TensorProto.FLOAT, [2, 3])}, net.node("Reshape", "x", net.constant([3, 2])))
        assert device.estimate(region_of(load(shaped), "opencl")).seconds == 0
        device.close()

    def test_nothing_stays_behind(self, mlp: Made) -> None:
        """Weights, schedules and the buffers of both are released, whatever was run."""
        context = made_context(mlp)
        before = context.in_use
        for _ in range(20):
            made = self.make(MLP, samples(MLP))
            for batch in range(6):
                outputs(made, samples(MLP)[:batch])
            made.close()
        assert context.in_use == before


def made_context(made: Made) -> Context:
    context: Context = made.program._code._context  # type: ignore[attr-defined]
    return context
