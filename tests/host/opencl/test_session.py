"""A network split over OpenCL and the CPU by hand, through the session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from device_runs import prepared, reference, region_of
from model_zoo import mlp
from numpy.typing import NDArray

pytest.importorskip("pyopencl")

import onnx

import weft
from weft.boards import load_board
from weft.host.devices.opencl import OpenClDevice, OpenClProgram
from weft.host.graph import read_network
from weft.host.plan import Configuration, Plan


def test_a_region_on_opencl_and_the_rest_on_the_cpu(mixed: Path, samples: NDArray[np.float32]) -> None:
    """MatMul, Add and Erf on the CPU, the rest on OpenCL."""
    model = weft.load(mixed)
    network = read_network(model)
    whole = region_of(model, "cpu")
    numbers = list(range(len(network.nodes)))
    regions = []
    for name, device, part in (("cpu0", "cpu", numbers[:3]), ("opencl0", "opencl", numbers[3:])):
        inputs, outputs = network.ends(part)
        regions.append(type(whole)(name, device, network.names(part), inputs, outputs, model))
    plan = Plan(
        name="mixed",
        board=load_board("pynq-z2"),
        devices=("opencl", "cpu"),
        model=model,
        regions=tuple(regions),
        transfers=(),
        predicted_s=0.0,
        configuration=Configuration("io_stream", 10.0),
    )
    with weft.Session(plan) as session:
        for batch in (samples, samples[:1], samples[:0]):
            (found,) = session.run(None, {"x": batch})
            (expected,) = reference(onnx.load(mixed), {"x": batch}).values()
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert session.last_run is not None
        assert [run.device for run in session.last_run.regions] == ["cpu", "opencl"]


@pytest.mark.parametrize("shares", [False, True])
def test_large_arrays_are_used_where_they_are(monkeypatch: pytest.MonkeyPatch, shares: bool) -> None:
    """Of a batch of 1,000, x and y have more than 64 KiB; a batch of 1 is copied, and so is what is not contiguous."""
    x = np.random.default_rng(0).normal(size=(1000, 40)).astype(np.float32)
    model = mlp(40, 30)
    device = OpenClDevice()
    monkeypatch.setattr(device._opened(), "shares_memory", shares)
    program = prepared(device, model)
    assert isinstance(program, OpenClProgram)
    for given, copied in ((x, 0), (x[:1], 2), (np.asfortranarray(x), 1), (x, 0)):
        (found,), (expected,) = program.run({"x": given}).values(), reference(model, {"x": given}).values()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        assert program.copies({"x": given})[0] == (copied if shares else 2)
    (before,) = program.run({"x": x}).values()
    kept = before.copy()
    program.run({"x": -x})
    np.testing.assert_array_equal(before, kept)
    device.close()
