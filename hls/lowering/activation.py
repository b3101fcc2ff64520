"""Activations that work value by value, and Softmax."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from weft.hls.lowering.builder import Builder, Placed, fitted, shape_of
from weft.hls.lowering.nodes import attribute, is_constant
from weft.hls.precision import FixedType

# Activations whose kernel hls4ml and weft.hls.layers agree on bit for bit, by ONNX operator.
PLAIN = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign"}
# hls4ml's class and activation name, and ONNX's default parameter.
_PARAMETRIZED = {
    "LeakyRelu": ("LeakyReLU", "leakyrelu", 0.01),
    "ThresholdedRelu": ("ThresholdedReLU", "thresholdedrelu", 1.0),
    "Elu": ("ELU", "elu", 1.0),
}
_TABLE_INPUT = 8  # hls4ml's sigmoid and tanh tables span -8..8 and -4..4, so results need no more integer bits


def lower_activation(node: ir.Node, builder: Builder) -> None:
    """One of hls4ml's parameterless activations."""
    data = builder.operand_in_any_order(node.inputs[0], node)
    result = builder.result_type(node.outputs[0], _default_type(node.op_type, data.type))
    name = builder.add(
        "Activation",
        [data.tensor],
        result,
        [node],
        label=node.op_type.lower(),
        activation=PLAIN[node.op_type],
        n_in=_size(data),
    )
    builder.place(node.outputs[0], Placed(name, data.shape, result, data.axes, data.order))


def lower_parametrized(node: ir.Node, builder: Builder) -> None:
    """LeakyRelu, ThresholdedRelu and Elu: one parameter, in 16 bits."""
    data = builder.operand_in_any_order(node.inputs[0], node)
    kind, activation, default = _PARAMETRIZED[node.op_type]
    value = float(attribute(node, "alpha", default))
    parameter = builder.uniform or fitted(np.array([value]), 16)
    result = builder.result_type(node.outputs[0], data.type)
    name = builder.add(
        kind,
        [data.tensor],
        result,
        [node],
        label=node.op_type.lower(),
        precision={"param": parameter},
        activation=activation,
        activ_param=value,
        n_in=_size(data),
    )
    builder.place(node.outputs[0], Placed(name, data.shape, result, data.axes, data.order))


def check_softmax(node: ir.Node) -> str:
    """Over the features of (batch, features): hls4ml's kernel for more axes exists only for io_parallel."""
    extents = shape_of(node.inputs[0])
    if extents is None or len(extents) != 1 or attribute(node, "axis", -1) not in (1, -1):
        return "Softmax other than over the features of (batch, features)"
    return "" if extents[0] > 1 else "Softmax over one value"


def lower_softmax(node: ir.Node, builder: Builder) -> None:
    """hls4ml's stable softmax, with types for what they hold: exp(x - max) is in (0, 1], its sum in [1, n], so no bit
    of a table's index is wasted (hls4ml's default fixed<18,8> spends 7 of 10 index bits on the integer part), and
    max - x reaches the whole range of x (hls4ml gives it half of that, and what is beyond wraps)."""
    data = builder.operand(node.inputs[0], node)
    (count,) = data.shape
    sum_bits = count.bit_length()
    result = builder.result_type(node.outputs[0], FixedType(16, 0, False, "RND_CONV", "SAT"))
    name = builder.add(
        "Softmax",
        [data.tensor],
        result,
        [node],
        precision={
            "exp_table": FixedType(17, 1, False, "RND", "SAT"),
            "accum": FixedType(16 + sum_bits, sum_bits, False, "RND", "SAT"),
            "inv_inp": FixedType(16 + sum_bits, sum_bits, False, "RND", "SAT"),
            "inv_table": FixedType(17, 1, False, "RND", "SAT"),
            "inp_norm": FixedType(data.type.width, data.type.integer, signed=False),
        },
        activation="softmax",
        axis=-1,
        n_in=count,
    )
    builder.place(node.outputs[0], Placed(name, data.shape, result, data.axes))


def check_prelu(node: ir.Node) -> str:
    """A constant slope."""
    return "" if is_constant(node.inputs[1]) else "PRelu with a computed slope"


def lower_prelu(node: ir.Node, builder: Builder) -> None:
    """A slope for every value, spread from the network's broadcast."""
    data = builder.operand(node.inputs[0], node)
    slope = builder.constant(node.inputs[1])
    assert slope is not None
    extents = [data.shape[data.axes.index(axis)] for axis in range(len(data.shape))]
    spread = np.broadcast_to(slope.values, extents).transpose(data.axes)
    kind = builder.uniform or slope.type or fitted(spread, 16)
    result = builder.result_type(node.outputs[0], data.type)
    name = builder.add(
        "PReLU",
        [data.tensor],
        result,
        [node],
        precision={"param": kind},
        activation="prelu",
        param_data=spread.reshape(-1).copy(),
        n_in=_size(data),
    )
    builder.place(node.outputs[0], Placed(name, data.shape, result, data.axes))


def _size(data: Placed) -> int:
    size = 1
    for extent in data.shape:
        size *= extent
    return size


def _default_type(operator: str, data: FixedType) -> FixedType:
    if operator == "Relu":
        return data
    signed = operator not in ("Sigmoid", "Softplus")
    integer = _TABLE_INPUT.bit_length() + signed if operator == "Softplus" else 1 + signed
    return FixedType(16, integer, signed, "RND_CONV", "SAT")
