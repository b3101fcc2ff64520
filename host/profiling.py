"""Measure this machine's processor with ONNX Runtime: small networks of one kind of operator each.

A chain of many small nodes gives the cost of a call, one small node that of a region; large nodes give the rates, by
the same count of operations that predictions use.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from weft.host.cost import CONVOLUTION, ELEMENTWISE, FUNCTION, MATRIX, MOVEMENT, Profile, machine_watts
from weft.host.work import operations, sample_bytes

_PATIENCE_S = 0.3  # for each network, so that `weft profile` takes a few seconds
_CHAIN = 100


def measure() -> Profile:
    """A profile of this machine, by the best of many runs of each network."""
    run_s, chain_s = _seconds(_chain(1)), _seconds(_chain(_CHAIN))
    node_s = max((chain_s - run_s) / (_CHAIN - 1), 1e-9)
    run_s = max(run_s - node_s, 1e-9)
    calls = run_s + node_s

    def rate(model: onnx.ModelProto, amount: float) -> float:
        return amount / max(_seconds(model) - calls, 1e-9)

    vector = _dense(1, 2048)  # reads 16 MB of weights for each sample: memory, not arithmetic
    rates = {
        MATRIX: _rate(rate, _dense(256, 512)),
        CONVOLUTION: _rate(rate, _conv(64, 28)),
        FUNCTION: _rate(rate, _map("Erf")),
        ELEMENTWISE: _rate(rate, _map("Relu")),
        MOVEMENT: _rate(rate, _map("Transpose", perm=[1, 0])),
    }
    return Profile(rates, rate(vector, _bytes(vector)), node_s, run_s, machine_watts(), measured=True)


def _rate(rate: Any, model: onnx.ModelProto) -> float:
    return float(rate(model, _operations(model)))


def _seconds(model: onnx.ModelProto) -> float:
    """The least time of one run."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # each node is to be run
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)}
    best, until = float("inf"), time.perf_counter() + _PATIENCE_S
    session.run(None, feeds)
    while (began := time.perf_counter()) < until:
        session.run(None, feeds)
        best = min(best, time.perf_counter() - began)
    return best


def _chain(length: int) -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(length)]
    return _model(nodes, (1, 16), (1, 16), ())


def _dense(rows: int, width: int) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones((width, width), np.float32), "w")
    return _model([helper.make_node("MatMul", ["x", "w"], ["v1"])], (rows, width), (rows, width), (weight,))


def _conv(channels: int, size: int) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones((channels, channels, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["v1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    shape = (1, channels, size, size)
    return _model([node], shape, shape, (weight,))


def _map(operator: str, **attributes: Any) -> onnx.ModelProto:
    return _model([helper.make_node(operator, ["x"], ["v1"], **attributes)], (256, 256), (256, 256), ())


def _model(
    nodes: Sequence[onnx.NodeProto], shape: Sequence[int], result: Sequence[int], weights: Sequence[onnx.TensorProto]
) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    y = helper.make_tensor_value_info(f"v{len(nodes)}", TensorProto.FLOAT, list(result))
    graph = helper.make_graph(list(nodes), "profile", [x], [y], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _operations(model: onnx.ModelProto) -> int:
    return sum(operations(node) for node in ir.from_proto(model).graph)


def _bytes(model: onnx.ModelProto) -> int:
    return sum(
        sample_bytes(value)
        for node in ir.from_proto(model).graph
        for value in (*node.inputs, *node.outputs)
        if value is not None
    )
