"""Measure this machine's processor with ONNX Runtime: small networks of one kind of operator each.

A chain of many small nodes gives the cost of a call, one small node that of a region; large nodes give the rates, by
the same count of operations that predictions use. Sizes are those of BERT-base's and ResNet-18's layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from weft.host.cost import CONVOLUTION, ELEMENTWISE, FUNCTION, MATRIX, MOVEMENT, Profile, machine_watts, moved_bytes
from weft.host.work import operations

_PATIENCE_S = 0.3  # for each network, so that `weft profile` takes a few seconds
_CHAIN = 100  # nodes
_SHORTEST_S = 1e-9  # where a difference of two times comes out as nothing


def measure(threads: int | None = None) -> Profile:
    """A profile of this machine, by many runs of each network, with ONNX Runtime's own number of threads
    or with `threads`. With one, that thread's own time counts, whatever else the machine does."""

    def timed(model: onnx.ModelProto) -> float:
        return _seconds(model, threads)

    run_s, chain_s = timed(_chain(1)), timed(_chain(_CHAIN))
    node_s = max((chain_s - run_s) / (_CHAIN - 1), _SHORTEST_S)
    run_s = max(run_s - node_s, _SHORTEST_S)

    def rate(model: onnx.ModelProto, amount: Callable[[onnx.ModelProto], int]) -> float:
        calls = run_s + node_s * len(model.graph.node)
        return amount(model) / max(timed(model) - calls, _SHORTEST_S)

    rates = {
        MATRIX: _between(rate(_dense(128, 768, 2), _operations), rate(_dense(128, 3072, 1), _operations)),
        CONVOLUTION: _between(rate(_conv(64, 56), _operations), rate(_conv(256, 14), _operations)),
        FUNCTION: rate(_map("Erf"), _operations),
        ELEMENTWISE: rate(_map("Relu"), _operations),
        MOVEMENT: rate(_map("Transpose", perm=[1, 0]), _operations),
    }
    # One row: 64 MiB of weights are read for 34 million operations, so memory sets the time; 1 MiB stays in a cache.
    memory, cache = (rate(_dense(1, width, 1), _bytes) for width in (4096, 512))
    return Profile(rates, memory, max(memory, cache), node_s, run_s, machine_watts(), measured=True)


def _between(first: float, second: float) -> float:
    """The rate at which equal work of both kinds is done."""
    return 2 / (1 / first + 1 / second)


def run_seconds(run: Callable[[], object], threads: int | None) -> float:
    """Seconds of one call of `run`, of many in a third of a second: of this thread alone where it has one.

    The tenth percentile, not the least: a virtual machine's clock of a thread has counted 4.3 us of a run of 12 us.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    run()
    times: list[float] = []
    until = clock() + _PATIENCE_S
    while not times or clock() < until:
        began = clock()
        run()
        times.append(clock() - began)
    return float(np.quantile(times, 0.1))


def _seconds(model: onnx.ModelProto, threads: int | None) -> float:
    """The time of one run of ONNX Runtime."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)}
    return run_seconds(lambda: session.run(None, feeds), threads)


def _chain(length: int) -> onnx.ModelProto:
    """Small nodes; Neg and Abs in turn, which ONNX Runtime does not fuse."""
    return _stack([("Abs" if number % 2 else "Neg", {}, ()) for number in range(length)], (1, 16))


def _dense(rows: int, width: int, layers: int) -> onnx.ModelProto:
    return _stack([("MatMul", {}, (width, width))] * layers, (rows, width))


def _conv(channels: int, size: int) -> onnx.ModelProto:
    """Three in a row, so that a layout of ONNX Runtime's own is entered and left once."""
    layer = ("Conv", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, (channels, channels, 3, 3))
    return _stack([layer] * 3, (1, channels, size, size))


def _map(operator: str, **attributes: Any) -> onnx.ModelProto:
    return _stack([(operator, attributes, ())], (256, 256))


def _stack(layers: Sequence[tuple[str, dict[str, Any], tuple[int, ...]]], shape: Sequence[int]) -> onnx.ModelProto:
    """Nodes one after the other, each with weights of its shape (none where it is empty); every value has `shape`."""
    nodes, weights = [], []
    values = ["x", *(f"v{number + 1}" for number in range(len(layers)))]
    for number, (operator, attributes, size) in enumerate(layers):
        if size:
            weights.append(numpy_helper.from_array(np.full(size, 1e-3, np.float32), f"w{number}"))
        inputs = [values[number], f"w{number}"] if size else [values[number]]
        nodes.append(helper.make_node(operator, inputs, [values[number + 1]], **attributes))
    x, *inner = (helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in values)
    graph = helper.make_graph(nodes, "profile", [x], [inner[-1]], weights, value_info=inner[:-1])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _operations(model: onnx.ModelProto) -> int:
    return sum(operations(node) for node in ir.from_proto(model).graph)


def _bytes(model: onnx.ModelProto) -> int:
    return sum(moved_bytes(node) for node in ir.from_proto(model).graph)
