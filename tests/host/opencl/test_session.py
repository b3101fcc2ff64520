"""A network split over OpenCL and the CPU by hand, through the session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from device_runs import reference, region_of
from numpy.typing import NDArray

pytest.importorskip("pyopencl")

import onnx

import weft
from weft.boards import load_board
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
