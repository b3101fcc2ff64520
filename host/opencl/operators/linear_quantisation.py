"""Between floats and integers of 8, 16 and 32 bits: QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.

They are elementwise, so that they become part of the chains before and after them. Rounding and saturation are ONNX
Runtime's (onnxruntime/core/mlas/lib/quantize.cpp): halves to even, and what is no number becomes the lowest integer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from weft.boards.errors import DeviceError
from weft.host.opencl.expression import Expression, Operand, Scalar
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type, given, needed
from weft.host.opencl.reductions import reduced
from weft.host.opencl.tensor import C_TYPES, Tensor

FLOAT, BYTE = np.dtype(np.float32), np.dtype(np.uint8)
_QUANTISED = {np.dtype(kind) for kind in (np.int8, np.uint8, np.int16, np.uint16)}


def check_quantise(node: ir.Node) -> str:
    """From float32, with one scale or one for each index of an axis."""
    return _check(node, node.inputs[0], node.outputs[0], _QUANTISED)


def check_dequantise(node: ir.Node) -> str:
    """To float32, with one scale or one for each index of an axis."""
    return _check(node, node.outputs[0], node.inputs[0], _QUANTISED | {np.dtype(np.int32)})  # of a bias


def _check(node: ir.Node, number: ir.Value | None, quantised: ir.Value | None, kinds: set[np.dtype[Any]]) -> str:
    if element_type(number) != FLOAT or element_type(given(node, 1)) != FLOAT:
        return f"{node.op_type} has an OpenCL kernel for float32 only"
    if element_type(quantised) not in kinds:
        return f"{node.op_type} of {None if quantised is None else quantised.dtype} has no OpenCL kernel"
    if attribute(node, "block_size", 0):
        return f"{node.op_type} in blocks has no OpenCL kernel"
    return ""


def lower_quantise(lowering: Lowering, node: ir.Node) -> None:
    """saturate(round(x / scale) + zero)."""
    x, scale = lowering.operand(needed(node, 0)), lowering.operand(needed(node, 1))
    zero, dtype = given(node, 2), element_type(node.outputs[0])
    assert dtype is not None
    moved = Scalar(np.float32(0)) if zero is None else lowering.operand(zero)
    sides = [_along(lowering, node, each, x.shape) for each in (scale, moved)]
    lowering.define(node.outputs[0], quantised(lowering, "{0} / {1}", (x, *sides), dtype))


def quantised(lowering: Lowering, text: str, operands: tuple[Operand, ...], dtype: np.dtype[Any]) -> Expression:
    """saturate(round(`text`) + zero) as `dtype`; the last of the operands is the zero point. Raises DeviceError on a
    device whose division is not exact, where halves would round to either side."""
    if not lowering.context.divides_exactly:
        raise DeviceError("this device does not divide exactly, as quantising must: use --forbid opencl:QuantizeLinear")
    *others, zero = operands
    as_float = zero if zero.dtype == FLOAT else converted(zero)
    limits, last = np.iinfo(dtype), len(operands) - 1
    shape = np.broadcast_shapes(*(operand.shape for operand in operands))
    inside = f"fmin(fmax(rint({text}) + {{{last}}}, {limits.min}.0f), {limits.max}.0f)"
    return Expression(f"convert_{C_TYPES[dtype]}{{v}}({inside})", (*others, as_float), shape, dtype)


def converted(operand: Operand) -> Operand:
    """An operand as float32: exact of integers up to 24 bits, rounded of longer ones."""
    if isinstance(operand, Scalar):
        return Scalar(np.float32(operand.value))
    return Expression("convert_float{v}({0})", (operand,), operand.shape, FLOAT)


def _along(lowering: Lowering, node: ir.Node, operand: Operand, shape: tuple[int, ...]) -> Operand:
    """A scale or zero point that broadcasts to `shape`: one number, or one for each index of the node's axis."""
    if isinstance(operand, Scalar) or operand.size == 1:
        return operand
    axis = attribute(node, "axis", 1) % len(shape)
    if operand.shape != (shape[axis],):
        raise ValueError(f"{operand.shape} does not fit axis {axis} of {shape}")
    tensor = operand if isinstance(operand, Tensor) else lowering.computed(operand)
    return tensor.reshaped((shape[axis], *(1 for _ in shape[axis + 1 :])))


def lower_dequantise(lowering: Lowering, node: ir.Node) -> None:
    """(x - zero) * scale."""
    x, scale, zero = lowering.operand(needed(node, 0)), lowering.operand(needed(node, 1)), given(node, 2)
    scale = _along(lowering, node, scale, x.shape)
    offset = None if zero is None else _along(lowering, node, lowering.operand(zero), x.shape)
    whole = centred(x, offset)
    lowering.define(node.outputs[0], Expression("({0} * {1})", (whole, scale), whole.shape, FLOAT))


def centred(x: Operand, zero: Operand | None) -> Operand:
    """x - zero as float32, which is exact of 8 and 16 bits; of 32 bits there is no zero point but 0."""
    if zero is None or x.dtype == np.int32 or (isinstance(zero, Scalar) and not zero.value):
        return converted(x)
    shape = np.broadcast_shapes(x.shape, zero.shape)
    return Expression("({0} - {1})", (converted(x), converted(zero)), shape, FLOAT)


def lower_dynamic(lowering: Lowering, node: ir.Node) -> None:
    """uint8 with a scale and a zero point for the range of x and 0 (onnxruntime's GetQuantizationParameter)."""
    x = lowering.tensor(needed(node, 0))
    low, high = (
        Expression(f"f{kind}({{0}}, 0.0f)", (_extreme(lowering, x, kind),), (), FLOAT) for kind in ("min", "max")
    )
    scale = lowering.computed(Expression("({1} == {0} ? 1.0f : ({1} - {0}) / 255.0f)", (low, high), (), FLOAT))
    zero = quantised(lowering, "-({0} / {1})", (low, scale, Scalar(np.float32(0))), BYTE)
    point = lowering.computed(zero)
    y = quantised(lowering, "{0} / {1}", (x, scale, point), BYTE)
    results: list[Expression | Tensor] = [y, scale, point]
    for output, made in zip(node.outputs, results, strict=True):
        lowering.define(output, made)


def _extreme(lowering: Lowering, x: Tensor, kind: str) -> Tensor:
    """Over everything: first along the last axis, so that many work-items share the reading."""
    rank = len(x.shape)
    rows = reduced(lowering, x, (rank - 1,), kind) if rank > 1 else x
    return reduced(lowering, rows, tuple(range(len(rows.shape))), kind)
