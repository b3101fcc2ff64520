"""Networks of well-known shapes with seeded weights, as an exporter would write them."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Sketch:
    """Nodes one after the other; each call returns the name of what it made."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, *shape: int, scale: float | None = None) -> str:
        """Seeded numbers that keep a layer's values at about 1."""
        fan = prod(shape[1:]) if len(shape) != 2 else shape[0]
        values = self.random.normal(0, scale if scale is not None else max(fan, 1) ** -0.5, shape)
        return self.constant(values.astype(np.float32))

    def constant(self, values: Any) -> str:
        """An initialiser."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output."""
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def model(self, inputs: dict[str, tuple[int, list[Any]]], output: str) -> onnx.ModelProto:
        """The network; `inputs` have an element type and a shape each."""
        sources = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
        target = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "net", sources, [target], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def resnet18(size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """ResNet-18 (He et al., arXiv 1512.03385, table 1), with batch normalisation folded into the convolutions."""
    net = Sketch()

    def conv(x: str, c_in: int, c_out: int, kernel: int, stride: int) -> str:
        pad = kernel // 2
        weights = net.weight(c_out, c_in, kernel, kernel), net.weight(c_out, scale=0.1)
        return net.node("Conv", x, *weights, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def block(x: str, c_in: int, c_out: int, stride: int) -> str:
        inner = net.node("Relu", conv(x, c_in, c_out, 3, stride))
        skip = x if stride == 1 and c_in == c_out else conv(x, c_in, c_out, 1, stride)
        return net.node("Relu", net.node("Add", conv(inner, c_out, c_out, 3, 1), skip))

    x = net.node("Relu", conv("x", 3, 64, 7, 2))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for made in (64, 128, 256, 512):
        x = block(x, channels, made, 1 if made == 64 else 2)
        x = block(x, made, made, 1)
        channels = made
    x = net.node("Flatten", net.node("GlobalAveragePool", x))
    x = net.node("Gemm", x, net.weight(classes, 512), net.weight(classes), transB=1)
    return net.model({"x": (TensorProto.FLOAT, ["N", 3, size, size])}, x)


def bert(layers: int = 12, width: int = 768, heads: int = 12, length: int = 128, words: int = 1000) -> onnx.ModelProto:
    """BERT's encoder (Devlin et al., arXiv 1810.04805) as PyTorch exports it, with a mask of 0 and 1."""
    net = Sketch()
    half = width // heads
    split, joined = net.constant([0, 0, heads, half]), net.constant([0, 0, width])

    def norm(x: str) -> str:
        return net.node("LayerNormalization", x, net.constant(np.ones(width, np.float32)), net.weight(width, scale=0.1))

    def dense(x: str, n_in: int, n_out: int) -> str:
        return net.node("Add", net.node("MatMul", x, net.weight(n_in, n_out)), net.weight(n_out, scale=0.1))

    def per_head(x: str, order: list[int]) -> str:
        return net.node("Transpose", net.node("Reshape", dense(x, width, width), split), perm=order)

    one, low = net.constant(np.float32(1)), net.constant(np.float32(-1e4))
    mask = net.node("Cast", "mask", to=TensorProto.FLOAT)
    mask = net.node("Unsqueeze", net.node("Mul", net.node("Sub", one, mask), low), net.constant([1, 2]))
    x = net.node("Gather", net.weight(words, width, scale=1.0), "ids")
    x = norm(net.node("Add", x, net.weight(length, width, scale=1.0)))
    for _ in range(layers):
        query, key = per_head(x, [0, 2, 1, 3]), per_head(x, [0, 2, 3, 1])
        scores = net.node("Div", net.node("MatMul", query, key), net.constant(np.float32(half**0.5)))
        weights = net.node("Softmax", net.node("Add", scores, mask), axis=-1)
        seen = net.node("Transpose", net.node("MatMul", weights, per_head(x, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        x = norm(net.node("Add", dense(net.node("Reshape", seen, joined), width, width), x))
        inner = dense(x, width, 4 * width)
        inner = net.node("Mul", inner, net.node("Add", net.node("Erf", net.node("Mul", inner, root_half(net))), one))
        inner = net.node("Mul", inner, net.constant(np.float32(0.5)))
        x = norm(net.node("Add", dense(inner, 4 * width, width), x))
    ends: dict[str, tuple[int, list[Any]]] = {
        "ids": (TensorProto.INT64, ["N", length]),
        "mask": (TensorProto.INT64, ["N", length]),
    }
    return net.model(ends, x)


def root_half(net: Sketch) -> str:
    """The square root of one half, by which Gelu scales its argument."""
    return net.constant(np.float32(0.5**0.5))


def mlp(*widths: int) -> onnx.ModelProto:
    """Dense layers with ReLU between them."""
    net, x = Sketch(), "x"
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        x = net.node("Relu", x) if number else x
        x = net.node("Gemm", x, net.weight(n_in, n_out), net.weight(n_out))
    return net.model({"x": (TensorProto.FLOAT, ["N", widths[0]])}, x)
