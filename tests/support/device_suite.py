"""What every device has to pass. A subclass says how it makes a program of a network, and how its device is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from device_runs import reference
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from weft.boards.errors import DeviceError
from weft.host.device import Program

Floats = NDArray[np.float32]
SHAPE = (16,)
IMAGE = (2, 6, 6)


@dataclass(frozen=True)
class Made:
    """A program, the model whose values it should give, and how close it comes to them."""

    program: Program
    model: onnx.ModelProto
    tolerance: float
    close: Callable[[], None]


def network(
    shape: tuple[int, ...], *layers: tuple[str, dict[str, Any], tuple[tuple[int, ...], ...]]
) -> onnx.ModelProto:
    """Layers one after the other: operator, attributes, and the shapes of its random weights."""
    random = np.random.default_rng(5)
    nodes, weights, last = [], [], "x"
    for number, (kind, attributes, extents) in enumerate(layers):
        names = [f"w{number}_{index}" for index in range(len(extents))]
        for name, extent in zip(names, extents, strict=True):
            values = random.normal(0, max(prod(extent[1:]), 1) ** -0.5, extent).astype(np.float32)
            weights.append(numpy_helper.from_array(values, name))
        nodes.append(helper.make_node(kind, [last, *names], [f"v{number}"], **attributes))
        last = f"v{number}"
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])
    target = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [source], [target], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


DENSE = ("Gemm", {"transB": 1}, ((12, 16), (12,)))
LAST = ("Gemm", {"transB": 1}, ((5, 12), (5,)))
CONV = ("Conv", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, ((4, 2, 3, 3), (4,)))
MLP = network(SHAPE, DENSE, ("Relu", {}, ()), LAST)

#: Operators that every device has, each in a network of its own with something to compute.
NETWORKS = {
    "Gemm": network(SHAPE, DENSE),
    "Relu": network(SHAPE, DENSE, ("Relu", {}, ())),
    "LeakyRelu": network(SHAPE, DENSE, ("LeakyRelu", {"alpha": 0.25}, ())),
    "Add": network(SHAPE, DENSE, ("Add", {}, ((12,),))),
    "Sub": network(SHAPE, DENSE, ("Sub", {}, ((12,),))),
    "Mul": network(SHAPE, DENSE, ("Mul", {}, ((12,),))),
    "Conv": network(IMAGE, CONV),
    "MaxPool": network(IMAGE, CONV, ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, ())),
    "AveragePool": network(IMAGE, CONV, ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}, ())),
    "GlobalAveragePool": network(IMAGE, CONV, ("GlobalAveragePool", {}, ())),
    "Flatten": network(IMAGE, CONV, ("Flatten", {}, ()), ("Gemm", {"transB": 1}, ((5, 144), (5,)))),
    "Transpose": network(IMAGE, CONV, ("Transpose", {"perm": [0, 2, 3, 1]}, ())),
}


class DeviceSuite:
    """Inherit it and write the three hooks."""

    #: Rows of a batch that is large for this device.
    huge = 100_000

    def make(self, model: onnx.ModelProto, samples: Floats) -> Made:
        """The whole network on a device of its own."""
        raise NotImplementedError

    def broken(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> AbstractContextManager[None]:
        """Inside the block, what runs on the device fails half-way."""
        raise NotImplementedError

    @pytest.fixture
    def mlp(self) -> Iterator[Made]:
        made = self.make(MLP, samples(MLP))
        yield made
        made.close()

    @pytest.mark.parametrize("name", list(NETWORKS))
    def test_numerics_of(self, name: str) -> None:
        x = samples(NETWORKS[name])
        made = self.make(NETWORKS[name], x)
        compare(made, x)
        made.close()

    @pytest.mark.parametrize("batch", [0, 1, 3])
    def test_batches(self, mlp: Made, batch: int) -> None:
        compare(mlp, samples(MLP)[:batch])

    def test_a_huge_batch(self, mlp: Made) -> None:
        compare(mlp, np.resize(samples(MLP), (self.huge, *SHAPE)))

    def test_inputs_that_do_not_lie_together(self, mlp: Made) -> None:
        x = samples(MLP)
        for strided in (x[::3], x[:, ::-1], np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
            compare(mlp, strided)

    def test_inputs_are_left_alone(self, mlp: Made) -> None:
        x = samples(MLP)
        x.setflags(write=False)
        first = outputs(mlp, x)
        before = {name: value.copy() for name, value in first.items()}
        outputs(mlp, -x)
        for name, value in first.items():
            np.testing.assert_array_equal(
                value, before[name]
            )  # a later run does not write into an earlier one's results

    def test_concurrent_programs(self) -> None:
        """Two at once, each of its own device and in its own thread, which is what a device is promised."""
        made = [self.make(MLP, samples(MLP)) for _ in range(2)]

        def run(each: Made, sign: int) -> None:
            for _ in range(4):
                compare(each, sign * samples(MLP))

        with ThreadPoolExecutor(2) as pool:
            for running in [pool.submit(run, each, sign) for each, sign in zip(made, (1, -1), strict=True)]:
                running.result()
        for each in made:
            each.close()

    def test_closed_twice(self) -> None:
        made = self.make(MLP, samples(MLP))
        made.program.close()
        made.program.close()
        with pytest.raises(DeviceError, match="closed"):
            outputs(made, samples(MLP))
        made.close()
        made.close()

    def test_a_failure_in_the_middle(self, mlp: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        with self.broken(mlp, monkeypatch), pytest.raises(DeviceError):
            outputs(mlp, samples(MLP))
        again = self.make(MLP, samples(MLP))
        compare(again, samples(MLP))
        again.close()


def samples(model: onnx.ModelProto) -> Floats:
    """Forty seeded inputs for a network with one."""
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return np.random.default_rng(6).normal(0, 1, (40, *shape)).astype(np.float32)


def outputs(made: Made, x: Floats) -> Mapping[str, NDArray[Any]]:
    """What the device computes."""
    return made.program.run({"x": x})


def compare(made: Made, x: Floats) -> None:
    """Hold the device's outputs against ONNX Runtime's."""
    found = outputs(made, x)
    for name, expected in reference(made.model, {"x": x}).items():
        assert (found[name].shape, found[name].dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=made.tolerance)
