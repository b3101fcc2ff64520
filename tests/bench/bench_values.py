"""How fast the simulator's exact values come, beside hls4ml's own compiled C simulation on the same inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from digits_data import flatten, load_split
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from transformer_block import FEATURES, HEADS, TOKENS, transformer_graph
from where import where

import weft
from weft.hls.design import Design, Tensor
from weft.hls.execution import schedule_of
from weft.hls.lower import lower
from weft.hls.precision import FixedType

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BATCH = 1000
CSIM_SECONDS = 5.0  # the C simulation gets as many of the samples as it manages in about this time
UNIFORM = FixedType(16, 6)  # hls4ml's default, whose accumulator drops fraction bits of every product


def bench_design_run_against_csim() -> None:
    """Samples a second of `Design.run` and of hls4ml's `predict`, with the accumulators that compress chooses."""
    table(f"Exact values, batch {BATCH}, accumulators that keep every bit", networks(None))


def bench_narrow_accumulators_against_csim() -> None:
    """The same networks with one type throughout: each product is rounded by itself, so none is a matrix product."""
    table(f"Exact values, batch {BATCH}, everything {UNIFORM}: products rounded one by one", networks(UNIFORM))


def table(title: str, designs: Iterator[tuple[str, weft.Design]]) -> None:
    """Run, check and print every network."""
    out = Table(title=f"{title} ({where()})")
    for column in ("network", "hls4ml C sim/s", "Design.run/s", "ratio", "first run", "layers in int64"):
        out.add_column(column, justify="right")
    for name, design in designs:
        tensor = design.tensors[design.inputs[0]]
        x = np.random.default_rng(0).uniform(0, 1, (BATCH, *tensor.shape)) if "digits" not in name else digits(tensor)
        firmware = design.firmware()
        start = time.perf_counter()
        values = np.asarray(design.run(x))
        first = time.perf_counter() - start
        few = x[: max(1, min(BATCH, int(CSIM_SECONDS * per_second(partial(firmware.predict, x[:4]), 4) / 6)))]
        np.testing.assert_array_equal(values[: len(few)], firmware.run(few))
        simulated = per_second(partial(firmware.predict, few), len(few))
        ran = per_second(partial(design.run, x), BATCH)
        slow = ", ".join(schedule_of(design).in_int64)
        out.add_row(name, f"{simulated:,.0f}", f"{ran:,.0f}", f"{ran / simulated:.0f}x", f"{first * 1e3:.0f} ms", slow)
    Console(width=140).print(out)


def digits(tensor: Tensor) -> NDArray[np.float64]:
    train, _, test, _ = load_split()
    images = np.concatenate([train, test])[:BATCH]
    return (np.moveaxis(images, 1, -1) if len(tensor.shape) == 3 else flatten(images)).astype(np.float64)


def networks(precision: FixedType | None) -> Iterator[tuple[str, weft.Design]]:
    """The networks of the aim, compressed and lowered; with `precision`, every type is that one."""
    train, _, _, _ = load_split()
    random = np.random.default_rng(0)
    sources: dict[str, tuple[onnx.ModelProto | Path, NDArray[Any]]] = {
        "MLP 64-32-32-10 (digits)": (EXAMPLES / "digits_mlp.onnx", flatten(train)),
        "MLP 784-128-64-10": (mlp(784, 128, 64, 10), random.uniform(0, 1, (64, 784))),
        "CNN 8x8x1 (digits)": (EXAMPLES / "digits_cnn.onnx", train),
        "ResNet-8-like 32x32x3": (resnet(), random.uniform(0, 1, (16, 3, 32, 32))),
    }
    if not precision:
        graph = transformer_graph("bench_block")
        yield f"transformer block {TOKENS}x{FEATURES}, {HEADS} heads", Design.from_hls4ml(graph)
    for number, (name, (source, calibration)) in enumerate(sources.items()):
        if precision and "ResNet" in name:
            continue  # minutes of C simulation and of int64
        model = weft.load(source)
        if not precision:
            model = weft.compress(model, "fixed8", calibration=calibration.astype(np.float32)).model
        yield (
            name,
            lower(model, name=f"bench_{number}", board_part="xc7z020clg400-1", clock_ns=10.0, precision=precision),
        )


class Network:
    """An ONNX network in the making, with random weights."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node; returns its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def weight(self, *shape: int) -> str:
        """He-normal over everything but the first axis, which is the outputs'; biases small."""
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        values = (self.random.normal(size=shape) * scale).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def gemm(self, x: str, n_in: int, n_out: int) -> str:
        return self.add("Gemm", x, self.weight(n_out, n_in), self.weight(n_out), transB=1)

    def conv(self, x: str, channels: int, filters: int, kernel: int, stride: int) -> str:
        pads = [kernel // 2, kernel // 2, (kernel - 1) // 2, (kernel - 1) // 2] if kernel > 1 else [0] * 4
        weights = self.weight(filters, channels, kernel, kernel), self.weight(filters)
        return self.add("Conv", x, *weights, strides=[stride] * 2, pads=pads, kernel_shape=[kernel] * 2)

    def model(self, shape: tuple[int, ...], y: str, n_out: int) -> onnx.ModelProto:
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), (y, (1, n_out)))]
        graph = helper.make_graph(self.nodes, "bench", ends[:1], ends[1:], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def mlp(*sizes: int) -> onnx.ModelProto:
    network, x = Network(), "x"
    for n_in, n_out in pairwise(sizes):
        x = network.gemm(x if x == "x" else network.add("Relu", x), n_in, n_out)
    return network.model((1, sizes[0]), x, sizes[-1])


def resnet() -> onnx.ModelProto:
    """Three residual blocks of 16, 32 and 64 channels, as MLPerf Tiny's ResNet-8 (batch normalisation folded)."""
    network = Network()
    x, channels = network.add("Relu", network.conv("x", 3, 16, 3, 1)), 16
    for filters in (16, 32, 64):
        stride = 1 if filters == channels else 2
        y = network.add("Relu", network.conv(x, channels, filters, 3, stride))
        y = network.conv(y, filters, filters, 3, 1)
        skip = x if stride == 1 else network.conv(x, channels, filters, 1, stride)
        x, channels = network.add("Relu", network.add("Add", y, skip)), filters
    x = network.add("Flatten", network.add("GlobalAveragePool", x))
    return network.model((1, 3, 32, 32), network.gemm(x, 64, 10), 10)


def per_second(action: Callable[[], object], samples: int) -> float:
    """Samples a second: the median of five runs, after one to warm up."""
    action()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return samples / float(np.median(seconds))
