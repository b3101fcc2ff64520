"""Operators that compute each element by itself. They are noted down as expressions, and become one kernel together.

NumPy's or ONNX's own formula stands beside each; OpenCL C's functions are those of its specification, section 6.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from weft.host.opencl.expression import Expression, Operand, Scalar
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type
from weft.host.opencl.tensor import C_TYPES

FLOAT, BOOL = np.dtype(np.float32), np.dtype(np.bool_)

#: Of floats. `{0}` is x; the further ones are the attributes that PARAMETERS names. They are written so that `{0}` may
#: be a vector of floats: literals are floats, and the first operand of fmax and fmin is none.
FUNCTIONS = {
    "Ceil": "ceil({0})",
    "Celu": "(fmax({0}, 0.0f) + fmin({1} * expm1({0} / {1}), 0.0f))",
    "Cos": "cos({0})",
    "Elu": "({0} < 0.0f ? {1} * expm1({0}) : {0})",
    "Erf": "error_function({0})",
    "Exp": "exp({0})",
    "Floor": "floor({0})",
    "HardSigmoid": "fmin(fmax({1} * {0} + {2}, 0.0f), 1.0f)",
    "HardSwish": "({0} * fmin(fmax({0} / 6.0f + 0.5f, 0.0f), 1.0f))",
    "LeakyRelu": "({0} < 0.0f ? {1} * {0} : {0})",
    "Log": "log({0})",
    "Reciprocal": "(1.0f / {0})",
    "Round": "rint({0})",
    "Selu": "({0} > 0.0f ? {2} * {0} : {2} * {1} * expm1({0}))",
    "Sigmoid": "(1.0f / (1.0f + exp(-{0})))",
    "Sin": "sin({0})",
    "Softplus": "(fmax({0}, 0.0f) + log1p(exp(-fabs({0}))))",
    "Softsign": "({0} / (1.0f + fabs({0})))",
    "Sqrt": "sqrt({0})",
    "Tanh": "tanh({0})",
    "ThresholdedRelu": "({0} > {1} ? {0} : 0.0f)",
    "QuickGelu": "({0} / (1.0f + exp(-{1} * {0})))",
}
#: Attributes and ONNX's defaults for them, in the order of FUNCTIONS.
PARAMETERS = {
    "Celu": (("alpha", 1.0),),
    "Elu": (("alpha", 1.0),),
    "HardSigmoid": (("alpha", 0.2), ("beta", 0.5)),
    "LeakyRelu": (("alpha", 0.01),),
    "Selu": (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875)),
    "ThresholdedRelu": (("alpha", 1.0),),
    "QuickGelu": (("alpha", 1.702),),
}
GELU = "(0.5f * {0} * (1.0f + error_function({0} * 0.70710678118654752f)))"  # x/2 (1 + erf(x / sqrt(2)))
# x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), Hendrycks and Gimpel, arXiv 1606.08415
GELU_TANH = "(0.5f * {0} * (1.0f + tanh(0.79788456080286536f * ({0} + 0.044715f * {0} * {0} * {0}))))"
#: Of two operands of one type, which is the result's as well.
ARITHMETIC = {"Add": "({0} + {1})", "Sub": "({0} - {1})", "Mul": "({0} * {1})", "Div": "({0} / {1})"}
COMPARISONS = {
    "Equal": "({0} == {1})",
    "Greater": "({0} > {1})",
    "GreaterOrEqual": "({0} >= {1})",
    "Less": "({0} < {1})",
    "LessOrEqual": "({0} <= {1})",
    "And": "({0} && {1})",
    "Or": "({0} || {1})",
    "Xor": "(!{0} != !{1})",
}
# Comparisons with a NaN are false, so these give the NaN, as numpy.maximum and numpy.minimum do.
EXTREMES = {"Max": "({0} > {1} || {0} != {0} ? {0} : {1})", "Min": "({0} < {1} || {0} != {0} ? {0} : {1})"}


def noted(lowering: Lowering, node: ir.Node, text: str, operands: Sequence[Operand], dtype: np.dtype[Any]) -> None:
    """Define the node's output as `text` of operands that broadcast."""
    shape = np.broadcast_shapes(*(operand.shape for operand in operands))
    lowering.define(node.outputs[0], Expression(text, tuple(operands), shape, dtype))


def inputs(lowering: Lowering, node: ir.Node) -> list[Operand]:
    """The node's inputs. One that is repeated along an axis is computed once for all, not once for each element."""
    given = [value for value in node.inputs if value is not None]
    whole = np.broadcast_shapes(*(lowering.shape(value) for value in given))
    return [_whole(lowering, value, whole) for value in given]


def _whole(lowering: Lowering, value: ir.Value, shape: tuple[int, ...]) -> Operand:
    found = lowering.operand(value)
    return lowering.tensor(value) if isinstance(found, Expression) and found.size != np.prod(shape) else found


def lower_function(lowering: Lowering, node: ir.Node) -> None:
    """One of FUNCTIONS."""
    (x,) = inputs(lowering, node)
    parameters = [
        Scalar(np.float32(attribute(node, name, default))) for name, default in PARAMETERS.get(node.op_type, ())
    ]
    noted(lowering, node, FUNCTIONS[node.op_type], (x, *parameters), FLOAT)


def lower_gelu(lowering: Lowering, node: ir.Node) -> None:
    """Gelu of ai.onnx 20 and com.microsoft, and FastGelu with its bias."""
    operands = inputs(lowering, node)
    if len(operands) > 1:
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        operands = [Expression("({0} + {1})", tuple(operands), shape, FLOAT)]
    near = node.op_type == "FastGelu" or attribute(node, "approximate", "none") == "tanh"
    noted(lowering, node, GELU_TANH if near else GELU, operands, FLOAT)


def lower_arithmetic(lowering: Lowering, node: ir.Node) -> None:
    """numpy.add, subtract, multiply and divide; integers divide as C does (ONNX operator Div)."""
    operands = inputs(lowering, node)
    noted(lowering, node, ARITHMETIC[node.op_type], operands, operands[0].dtype)


def lower_comparison(lowering: Lowering, node: ir.Node) -> None:
    """NumPy's comparisons and logical functions."""
    noted(lowering, node, COMPARISONS[node.op_type], inputs(lowering, node), BOOL)


def lower_extreme(lowering: Lowering, node: ir.Node) -> None:
    """numpy.maximum or minimum of any number of operands."""
    first, *others = inputs(lowering, node)
    dtype = first.dtype
    for other in others:
        shape = np.broadcast_shapes(first.shape, other.shape)
        first = Expression(EXTREMES[node.op_type], (first, other), shape, dtype)
    lowering.define(node.outputs[0], first if isinstance(first, Expression) else _copied(first))


def lower_relu(lowering: Lowering, node: ir.Node) -> None:
    """max(x, 0); a NaN stays one."""
    (x,) = inputs(lowering, node)
    text = "({0} < 0.0f ? 0.0f : {0})" if x.dtype == FLOAT else "({0} < 0 ? 0 : {0})"
    noted(lowering, node, text, (x,), x.dtype)


def lower_neg(lowering: Lowering, node: ir.Node) -> None:
    """numpy.negative."""
    (x,) = inputs(lowering, node)
    noted(lowering, node, "(-{0})", (x,), x.dtype)


def lower_abs(lowering: Lowering, node: ir.Node) -> None:
    """numpy.abs."""
    (x,) = inputs(lowering, node)
    noted(lowering, node, "fabs({0})" if x.dtype == FLOAT else "({0} < 0 ? -{0} : {0})", (x,), x.dtype)


def lower_sign(lowering: Lowering, node: ir.Node) -> None:
    """numpy.sign."""
    (x,) = inputs(lowering, node)
    noted(lowering, node, "sign({0})" if x.dtype == FLOAT else "(({0} > 0) - ({0} < 0))", (x,), x.dtype)


def lower_not(lowering: Lowering, node: ir.Node) -> None:
    """numpy.logical_not."""
    noted(lowering, node, "(!{0})", inputs(lowering, node), BOOL)


def lower_is_nan(lowering: Lowering, node: ir.Node) -> None:
    """numpy.isnan."""
    noted(lowering, node, "({0} != {0})", inputs(lowering, node), BOOL)


def lower_pow(lowering: Lowering, node: ir.Node) -> None:
    """numpy.power; the small whole exponents that norms and Gelu have become products and roots."""
    base, exponent = inputs(lowering, node)
    if isinstance(exponent, Scalar) and float(exponent.value) in _POWERS:
        noted(lowering, node, _POWERS[float(exponent.value)], (base,), base.dtype)
        return
    text = "pow({0}, {1})" if exponent.dtype == FLOAT else "pow({0}, (float){1})"
    noted(lowering, node, text, (base, exponent), base.dtype)


_POWERS = {2.0: "({0} * {0})", 3.0: "({0} * {0} * {0})", 0.5: "sqrt({0})", 1.0: "({0})"}


def lower_prelu(lowering: Lowering, node: ir.Node) -> None:
    """x where it is not negative, slope * x elsewhere."""
    noted(lowering, node, "({0} < 0.0f ? {0} * {1} : {0})", inputs(lowering, node), FLOAT)


def lower_clip(lowering: Lowering, node: ir.Node) -> None:
    """numpy.clip with either bound left out; a NaN stays one."""
    value, *bounds = node.inputs
    assert value is not None
    low, high = (*bounds, None, None)[:2]
    x = _whole(lowering, value, lowering.shape(value))
    text, operands = "{0}", [x]
    for bound, compare in ((low, "<"), (high, ">")):
        if bound is not None:
            operands.append(lowering.operand(bound))
            limit = f"{{{len(operands) - 1}}}"
            text = f"({text} {compare} {limit} ? {limit} : {text})"
    noted(lowering, node, text, operands, x.dtype)


def lower_where(lowering: Lowering, node: ir.Node) -> None:
    """numpy.where."""
    condition, x, y = inputs(lowering, node)
    noted(lowering, node, "({0} ? {1} : {2})", (condition, x, y), x.dtype)


def lower_cast(lowering: Lowering, node: ir.Node) -> None:
    """numpy.astype: towards zero from float to integer, and 1 for anything but 0 as bool."""
    (x,) = inputs(lowering, node)
    dtype = element_type(node.outputs[0]) or np.dtype(ir.DataType(attribute(node, "to", 1)).numpy())
    text = "{0}" if dtype == x.dtype else "({0} != 0)" if dtype == BOOL else f"(({C_TYPES[dtype]}){{0}})"
    noted(lowering, node, text, (x,), dtype)


def lower_identity(lowering: Lowering, node: ir.Node) -> None:
    """The input itself."""
    (value,) = (value for value in node.inputs[:1] if value is not None)
    lowering.define(node.outputs[0], lowering.tensor(value))


def _copied(operand: Operand) -> Expression:
    return Expression("{0}", (operand,), operand.shape, operand.dtype)
