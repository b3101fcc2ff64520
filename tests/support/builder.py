"""ONNX networks written node by node, with seeded weights."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """ONNX nodes one after the other; `Gemm`, `Conv` and the like with random weights."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "x"

    def weight(self, shape: tuple[int, ...]) -> str:
        name = f"w{len(self.weights)}"
        scale = max(prod(shape[1:]), 1) ** -0.5
        self.weights.append(numpy_helper.from_array(self.random.normal(0, scale, shape).astype(np.float32), name))
        return name

    def node(self, kind: str, *more: str, name: str = "", **attributes: Any) -> Builder:
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *more], [output], name=name, **attributes))
        self.last = output
        return self

    def dense(self, n_in: int, n_out: int, name: str = "") -> Builder:
        return self.node("Gemm", self.weight((n_out, n_in)), self.weight((n_out,)), transB=1, name=name)

    def conv(self, c_in: int, c_out: int) -> Builder:
        kernel = self.weight((c_out, c_in, 3, 3))
        return self.node("Conv", kernel, self.weight((c_out,)), kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def proto(self, classes: int) -> onnx.ModelProto:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.shape])
        y = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, "net", [x], [y], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return model
