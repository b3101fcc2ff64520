"""A region whose device fails is raised, or taken over by the CPU, once and for good."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from weft.boards.errors import ArtefactError, DeviceError, InputError, ToolError
from weft.host.device import Program, Region
from weft.host.step import Step

REGION = Region("fpga0", "fpga", ("n",), ("x",), ("y",), ir.Model(ir.Graph([], [], nodes=[]), ir_version=10), "", 1e-3)
X = np.arange(6, dtype=np.float32).reshape(2, 3)


class Adds:
    """A program that adds `amount`, or raises what it is told to."""

    def __init__(self, amount: int) -> None:
        self.amount, self.runs, self.closed = amount, 0, 0
        self.fails: Exception | None = None

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.runs += 1
        if self.fails:
            raise self.fails
        return {"y": inputs["x"] + self.amount}

    def cycles(self, samples: int) -> int | None:
        return None

    def bytes_moved(self, samples: int) -> int:
        return 24 * samples

    def close(self) -> None:
        self.closed += 1


def step_of(device: Adds, spare: Adds | None, turn: AbstractContextManager[object] | None = None) -> Step:
    stand_in = None if spare is None else lambda: spare
    return Step(REGION, lambda: device, turn or nullcontext(), stand_in)


def test_a_run_is_described() -> None:
    values = {"x": X}
    run = step_of(Adds(1), None).run(values, call_began=0.0)
    np.testing.assert_array_equal(values["y"], X + 1)
    assert (run.region, run.device, run.samples, run.bytes, run.fallback) == ("fpga0", "fpga", 2, 48, "")
    assert (run.copies, run.copied_bytes, run.predicted_s, run.cycles) == (2, 48, 2e-3, None)
    assert run.seconds > 0


def test_without_a_stand_in_the_failure_is_raised_and_the_device_stays() -> None:
    device = Adds(1)
    step = step_of(device, None)
    device.fails = DeviceError("the DMA is silent")
    with pytest.raises(DeviceError, match="silent"):
        step.run({"x": X}, 0.0)
    device.fails = None
    assert step.run({"x": X}, 0.0).fallback == ""


def test_the_cpu_takes_over_from_the_first_failure_on() -> None:
    device, spare = Adds(1), Adds(10)
    step = step_of(device, spare)
    assert step.run({"x": X}, 0.0).device == "fpga"
    device.fails = DeviceError("the DMA is silent")
    values = {"x": X}
    with pytest.warns(UserWarning, match="'fpga0' runs on the CPU from now on, as fpga failed: the DMA is silent"):
        run = step.run(values, 0.0)
    np.testing.assert_array_equal(values["y"], X + 10)
    assert (run.device, run.fallback) == ("cpu", "the DMA is silent")
    device.fails = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was said once
        assert step.run({"x": X}, 0.0).fallback == "the DMA is silent"
    assert (device.runs, spare.runs) == (2, 2)
    step.close()
    assert (device.closed, spare.closed) == (1, 1)


@pytest.mark.parametrize("error", [DeviceError("gone"), ToolError("no pynq"), ArtefactError("wrong bitstream")])
def test_a_device_that_cannot_be_had(error: Exception) -> None:
    def prepare() -> Program:
        raise error

    with pytest.raises(type(error)):
        Step(REGION, prepare, nullcontext(), None)
    with pytest.warns(UserWarning, match=str(error)):
        step = Step(REGION, prepare, nullcontext(), lambda: Adds(10))
    assert step.run({"x": X}, 0.0).fallback == str(error)


@pytest.mark.parametrize("error", [InputError("NaN"), KeyError("a fault of weft's own")])
def test_other_errors_are_no_reason_to_leave_a_device(error: Exception) -> None:
    device, spare = Adds(1), Adds(10)
    step = step_of(device, spare)
    device.fails = error
    with pytest.raises(type(error)):
        step.run({"x": X}, 0.0)
    assert spare.runs == 0


def test_a_stand_in_that_fails_is_raised() -> None:
    device, spare = Adds(1), Adds(10)
    step = step_of(device, spare)
    device.fails, spare.fails = DeviceError("first"), DeviceError("second")
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(DeviceError, match="second"):
                step.run({"x": X}, 0.0)


def test_calls_that_fail_together_switch_once() -> None:
    device, spare = Adds(1), Adds(10)
    made: list[Adds] = []

    def stand_in() -> Program:
        made.append(spare)
        return spare

    step = Step(REGION, lambda: device, threading.Lock(), stand_in)
    device.fails = DeviceError("gone")

    def call(_: int) -> NDArray[Any]:
        values = {"x": X}
        step.run(values, 0.0)
        return values["y"]

    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("ignore")
        for result in pool.map(call, range(64)):
            np.testing.assert_array_equal(result, X + 10)
    assert len(made) == 1
    assert device.runs <= 8
