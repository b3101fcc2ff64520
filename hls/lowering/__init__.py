"""How each ONNX operator becomes hls4ml layers. To add an operator, write its check and its lowering in a file here
and name them below; an operator that is not listed stays on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import onnx_ir as ir

from weft.hls.lowering import activation, elementwise, linear, pooling, shape
from weft.hls.lowering.builder import Builder


class Lowering(NamedTuple):
    """`check` says in a few words what keeps a node off the FPGA, or nothing; `lower` adds its layers."""

    check: Callable[[ir.Node], str]
    lower: Callable[[ir.Node, Builder], None]


def _fine(_: ir.Node) -> str:
    return ""


OPERATORS: dict[str, Lowering] = {
    "Add": Lowering(elementwise.check_elementwise, elementwise.lower_elementwise),
    "AveragePool": Lowering(pooling.check_pool, pooling.lower_pool),
    "BatchNormalization": Lowering(elementwise.check_batch_normalization, elementwise.lower_batch_normalization),
    "Concat": Lowering(shape.check_concat, shape.lower_concat),
    "Conv": Lowering(linear.check_conv, linear.lower_conv),
    "Dropout": Lowering(_fine, shape.lower_identity),
    "Elu": Lowering(_fine, activation.lower_parametrized),
    "Flatten": Lowering(shape.check_reshape, shape.lower_reshape),
    "Gemm": Lowering(linear.check_gemm, linear.lower_gemm),
    "GlobalAveragePool": Lowering(pooling.check_global_pool, pooling.lower_global_pool),
    "GlobalMaxPool": Lowering(pooling.check_global_pool, pooling.lower_global_pool),
    "Identity": Lowering(_fine, shape.lower_identity),
    "LeakyRelu": Lowering(_fine, activation.lower_parametrized),
    "MatMul": Lowering(linear.check_matmul, linear.lower_matmul),
    "Max": Lowering(elementwise.check_elementwise, elementwise.lower_elementwise),
    "MaxPool": Lowering(pooling.check_pool, pooling.lower_pool),
    "Min": Lowering(elementwise.check_elementwise, elementwise.lower_elementwise),
    "Mul": Lowering(elementwise.check_elementwise, elementwise.lower_elementwise),
    "PRelu": Lowering(activation.check_prelu, activation.lower_prelu),
    "Pad": Lowering(shape.check_pad, shape.lower_pad),
    "Relu": Lowering(_fine, activation.lower_activation),
    "Reshape": Lowering(shape.check_reshape, shape.lower_reshape),
    "Resize": Lowering(shape.check_resize, shape.lower_resize),
    "Sigmoid": Lowering(_fine, activation.lower_activation),
    "Softmax": Lowering(activation.check_softmax, activation.lower_softmax),
    "Softplus": Lowering(_fine, activation.lower_activation),
    "Softsign": Lowering(_fine, activation.lower_activation),
    "Squeeze": Lowering(shape.check_reshape, shape.lower_reshape),
    "Sub": Lowering(elementwise.check_elementwise, elementwise.lower_elementwise),
    "Tanh": Lowering(_fine, activation.lower_activation),
    "ThresholdedRelu": Lowering(_fine, activation.lower_parametrized),
    "Transpose": Lowering(shape.check_transpose, shape.lower_transpose),
    "Unsqueeze": Lowering(shape.check_reshape, shape.lower_reshape),
}
#: Annotations: they give a value its type and compute nothing on the FPGA.
QUANTISERS = ("QuantizeLinear", "DequantizeLinear", "Quant")
