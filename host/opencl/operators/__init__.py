"""How each ONNX operator becomes kernel launches. To add one, write its lowering in a file here, with the check of what
it cannot do, and name both below; an operator that is not listed stays on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import element_type
from weft.host.opencl.operators import (
    attention,
    convolution,
    elementwise,
    integer_products,
    linear,
    linear_quantisation,
    movement,
    normalisation,
    pooling,
    quantised,
    reduction,
    softmax,
)
from weft.host.opencl.tensor import C_TYPES


def _fine(_: ir.Node) -> str:
    return ""


class Operator(NamedTuple):
    """`lower` adds its launches. `host` numbers the inputs that must be known before they can be made: a shape, axes.
    `check` says in a few words what keeps a node off the device, or nothing. `folds` numbers inputs that kernels never
    read where they are constants, as what is made of them is uploaded in their place: by `fold` when the region is
    prepared, or else in the first run."""

    lower: Callable[[Lowering, ir.Node], None]
    host: tuple[int, ...] = ()
    check: Callable[[ir.Node], str] = _fine
    folds: tuple[int, ...] = ()
    fold: Callable[[Lowering, ir.Node], object] | None = None


OPERATORS: dict[str, Operator] = {
    **{name: Operator(elementwise.lower_function) for name in elementwise.FUNCTIONS},
    **{name: Operator(elementwise.lower_arithmetic) for name in elementwise.ARITHMETIC},
    **{name: Operator(elementwise.lower_comparison) for name in elementwise.COMPARISONS},
    **{name: Operator(elementwise.lower_extreme) for name in elementwise.EXTREMES},
    **{name: Operator(reduction.lower_reduction, (1,), reduction.check_reduction) for name in reduction.KINDS},
    **{
        name: Operator(normalisation.lower_normalisation, (), normalisation.check_normalisation)
        for name in ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization")
    },
    **{
        name: Operator(normalisation.lower_skip_normalisation, (), normalisation.check_normalisation)
        for name in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
    },
    "Abs": Operator(elementwise.lower_abs),
    "AveragePool": Operator(pooling.lower_pool, (), pooling.check_pool),
    "BiasGelu": Operator(elementwise.lower_gelu),
    "Cast": Operator(elementwise.lower_cast),
    "Clip": Operator(elementwise.lower_clip),
    "Concat": Operator(movement.lower_concat),
    "ConvInteger": Operator(integer_products.lower_conv_integer, (), integer_products.check_conv_integer, (0, 1, 2, 3)),
    "ConstantOfShape": Operator(movement.lower_constant_of_shape, (0,)),
    "Conv": Operator(convolution.lower_conv, (), convolution.check_conv),
    "DequantizeLinear": Operator(linear_quantisation.lower_dequantise, (), linear_quantisation.check_dequantise),
    "DynamicQuantizeLinear": Operator(linear_quantisation.lower_dynamic),
    "Expand": Operator(movement.lower_expand, (1,)),
    "FastGelu": Operator(elementwise.lower_gelu),
    "Flatten": Operator(movement.lower_flatten),
    "Gather": Operator(movement.lower_gather),
    "Gelu": Operator(elementwise.lower_gelu),
    "Gemm": Operator(linear.lower_gemm, folds=(1,), fold=linear.fold_weights),
    "GlobalAveragePool": Operator(pooling.lower_global_pool),
    "GlobalMaxPool": Operator(pooling.lower_global_pool),
    "GroupQueryAttention": Operator(attention.lower_attention, (6,), attention.check_attention),
    "Identity": Operator(elementwise.lower_identity),
    "IsNaN": Operator(elementwise.lower_is_nan),
    "LogSoftmax": Operator(softmax.lower_softmax),
    "MatMul": Operator(linear.lower_matmul, folds=(1,), fold=linear.fold_weights),
    "MatMulInteger": Operator(
        integer_products.lower_matmul_integer, (), integer_products.check_matmul_integer, (0, 1, 2, 3)
    ),
    "MatMulNBits": Operator(quantised.lower_matmul_nbits, (), quantised.check_matmul_nbits),
    "MaxPool": Operator(pooling.lower_pool, (), pooling.check_pool),
    "Neg": Operator(elementwise.lower_neg),
    "Not": Operator(elementwise.lower_not),
    "PRelu": Operator(elementwise.lower_prelu),
    "Pad": Operator(movement.lower_pad, (1, 2, 3), movement.check_pad),
    "Pow": Operator(elementwise.lower_pow),
    "QLinearConv": Operator(
        integer_products.lower_qlinear_conv, (), integer_products.check_qlinear_conv, (1, 3, 4, 5, 6)
    ),
    "QLinearMatMul": Operator(
        integer_products.lower_qlinear_matmul, (), integer_products.check_qlinear_matmul, (0, 1, 2, 3, 4, 5, 6)
    ),
    "QuantizeLinear": Operator(linear_quantisation.lower_quantise, (), linear_quantisation.check_quantise),
    "Relu": Operator(elementwise.lower_relu),
    "Reshape": Operator(movement.lower_reshape, (1,)),
    "Shape": Operator(movement.lower_shape),
    "Sign": Operator(elementwise.lower_sign),
    "Size": Operator(movement.lower_size),
    "Slice": Operator(movement.lower_slice, (1, 2, 3, 4)),
    "Softmax": Operator(softmax.lower_softmax),
    "Split": Operator(movement.lower_split, (1,)),
    "Squeeze": Operator(movement.lower_squeeze, (1,)),
    "Transpose": Operator(movement.lower_transpose),
    "Unsqueeze": Operator(movement.lower_unsqueeze, (1,)),
    "Where": Operator(elementwise.lower_where),
}
#: Operators that launch nothing.
FREE = frozenset({"Flatten", "Identity", "Reshape", "Shape", "Size", "Squeeze", "Unsqueeze"})
#: Operators of com.microsoft (onnxruntime/docs/ContribOperators.md); the others are ONNX's own.
CONTRIBUTED = frozenset(
    {
        *("BiasGelu", "FastGelu", "GroupQueryAttention", "MatMulNBits", "QuickGelu"),
        *("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"),
    }
)
BOTH = frozenset({"Gelu"})
_OLDEST_OPSET = 13  # from which on Softmax is over one axis, and Clip's bounds and Squeeze's axes are inputs


def refusal(node: ir.Node) -> str:
    """An empty string if an OpenCL device can run `node`, otherwise the reason."""
    found = OPERATORS.get(node.op_type)
    contributed = node.domain == "com.microsoft"
    known = node.domain in ("", "ai.onnx") or contributed
    if found is None or not known or (contributed != (node.op_type in CONTRIBUTED) and node.op_type not in BOTH):
        return f"no OpenCL kernel computes {node.op_type!r}"
    opset = node.graph.opset_imports.get("") if node.graph is not None and not contributed else None
    if opset is not None and opset < _OLDEST_OPSET:
        return f"opset {opset} is older than {_OLDEST_OPSET}: read the model with weft.load"
    return _type_refusal(node) or found.check(node)


def _type_refusal(node: ir.Node) -> str:
    for value in (*node.inputs, *node.outputs):
        if value is None or not value.name:
            continue
        dtype = element_type(value)
        if value.type is not None and not isinstance(value.type, ir.TensorType):
            return f"{value.name!r} is no tensor"
        if dtype is None:
            return f"the element type of {value.name!r} is unknown" if value.dtype is None else _no_type(value)
        if dtype not in C_TYPES:
            return _no_type(value)
    computed = node.outputs[0]
    if node.op_type in _FLOAT_ONLY and element_type(computed) != np.float32:
        return f"{node.op_type} is computed in float32, and {computed.name!r} is {computed.dtype}"
    return ""


def _no_type(value: ir.Value) -> str:
    return f"{value.name!r} is {value.dtype}, and OpenCL kernels here compute in float32"


_FLOAT_ONLY = {
    *elementwise.FUNCTIONS,
    *("AveragePool", "BiasGelu", "Conv", "FastGelu", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool"),
    "GroupQueryAttention",
    *("LayerNormalization", "LogSoftmax", "MatMul", "MatMulNBits", "PRelu", "Pow", "RMSNormalization"),
    *("SimplifiedLayerNormalization", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "Softmax"),
}
