"""Products of 8-bit integers, summed as int32 without rounding: MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv.

The operands less their zero points reach the kernels as float32, which hold products of 8 bits and sums of 256 of them
exactly (`gemm.multiply`): on processors that is as fast as float32 arithmetic, four times as fast as multiplying ints.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.host.opencl.expression import Expression, Operand, Scalar
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import element_type, given, needed
from weft.host.opencl.operators.convolution import check_conv_weights, convolved
from weft.host.opencl.operators.linear import matmul
from weft.host.opencl.operators.linear_quantisation import centred, quantised
from weft.host.opencl.tensor import Tensor

INT = np.dtype(np.int32)
_BYTES = {np.dtype(np.int8), np.dtype(np.uint8)}


def check_matmul_integer(node: ir.Node) -> str:
    """One zero point for a."""
    return _check_zero(node, 2)


def check_conv_integer(node: ir.Node) -> str:
    """One or two spatial axes."""
    return _check_zero(node, 2) or check_conv_weights(node, 1)


def check_qlinear_matmul(node: ir.Node) -> str:
    """8 bits, and scales that are constants, one each but for b."""
    return _check_qlinear(node, (1, 4, 6), (0, 3, 7)) or _check_zero(node, 2)


def check_qlinear_conv(node: ir.Node) -> str:
    """8 bits, scales that are constants, one each but for the weights, and one or two spatial axes."""
    return _check_qlinear(node, (1, 4, 6), (0, 3, 7)) or _check_zero(node, 2) or check_conv_weights(node, 3)


def _check_zero(node: ir.Node, number: int) -> str:
    value = given(node, number)
    if value is None or (value.shape is not None and all(size == 1 for size in value.shape)):
        return ""
    return f"{node.op_type} with a zero point for each row has no OpenCL kernel"


def _check_qlinear(node: ir.Node, scales: Sequence[int], numbers: Sequence[int]) -> str:
    if any(element_type(node.inputs[number]) not in _BYTES for number in numbers):
        return f"{node.op_type} has an OpenCL kernel for 8 bits only"
    for number in scales:
        value = needed(node, number)
        if value.const_value is None or (number != scales[1] and value.const_value.size != 1):
            return f"{node.op_type} has an OpenCL kernel for constant scales only"
        if element_type(value) != np.float32:
            return f"{node.op_type} has an OpenCL kernel for float32 scales only"
    return ""


def lower_matmul_integer(lowering: Lowering, node: ir.Node) -> None:
    """(a - zero of a) @ (b - zero of b), each column of b with a zero point of its own or not."""
    a = _operand(lowering, node, 0, 2)
    b = _operand(lowering, node, 1, 3)
    lowering.define(node.outputs[0], matmul(lowering, a, b, dtype=INT))


def lower_conv_integer(lowering: Lowering, node: ir.Node) -> None:
    """The convolution of x less its zero point, with which it is padded too, and the weights less theirs."""
    x, weights = _operand(lowering, node, 0, 2), _operand(lowering, node, 1, 3, channels=True)
    lowering.define(node.outputs[0], convolved(lowering, node, x, weights, None, INT))


def lower_qlinear_matmul(lowering: Lowering, node: ir.Node) -> None:
    """MatMulInteger, scaled and rounded to 8 bits."""
    a, b = _operand(lowering, node, 0, 2), _operand(lowering, node, 3, 5)
    _requantised(lowering, node, matmul(lowering, a, b, dtype=INT), channels=False)


def lower_qlinear_conv(lowering: Lowering, node: ir.Node) -> None:
    """ConvInteger plus a bias of int32, scaled and rounded to 8 bits."""
    x, weights = _operand(lowering, node, 0, 2), _operand(lowering, node, 3, 5, channels=True)
    added = given(node, 8)
    bias = None if added is None else lowering.tensor(added)
    _requantised(lowering, node, convolved(lowering, node, x, weights, bias, INT), channels=True)


def _operand(lowering: Lowering, node: ir.Node, number: int, zero: int, *, channels: bool = False) -> Tensor:
    """An input less its zero point, as float32; with `channels` each index of the first axis may have its own."""
    value, point = needed(node, number), given(node, zero)
    x, known = lowering.host(value), None if point is None else lowering.host(point)
    if x is not None and (point is None or known is not None):  # once for all runs
        made_once = partial(_centred, x, known, x.ndim if channels else 1)
        return lowering.resident(f"{value.name} less its zero point in {node.name}", made_once)
    operand, moved = lowering.operand(value), None if point is None else lowering.operand(point)
    if channels and isinstance(moved, Tensor) and moved.size > 1:
        moved = moved.reshaped((moved.size, *(1 for _ in operand.shape[1:])))
    made = centred(operand, _number(moved))
    assert isinstance(made, Expression)
    return lowering.computed(made)


def _number(zero: Operand | None) -> Operand | None:
    """A zero point, which ONNX lets have one axis of size 1, so that it broadcasts."""
    return zero.reshaped(()) if isinstance(zero, Tensor) and zero.size == 1 else zero


def _centred(x: NDArray[Any], zero: NDArray[Any] | None, rank: int) -> NDArray[np.float32]:
    """x - zero: one number, or one for each index of the first of `rank` axes (of the last where `rank` is 1)."""
    whole = x.astype(np.float32)
    if zero is None:
        return whole
    return whole - zero.reshape(-1, *(1 for _ in range(rank - 1))).astype(np.float32)


def _requantised(lowering: Lowering, node: ir.Node, total: Tensor, *, channels: bool) -> None:
    """The sums times a scale * b scale / y scale, in float32 and in this order, as ONNX Runtime has it."""
    a, b, y = (lowering.host(needed(node, number)) for number in (1, 4, 6))
    assert a is not None and b is not None and y is not None
    factors = a.reshape(-1) * b.reshape(-1) / y.reshape(-1)
    factor: Operand = Scalar(factors[0])
    if factors.size > 1:
        factor = lowering.constant(factors.reshape(-1, *(1 for _ in total.shape[2:])) if channels else factors)
    zero = lowering.operand(needed(node, 7))
    dtype = element_type(node.outputs[0]) or zero.dtype
    made = quantised(lowering, "convert_float{v}({0}) * {1}", (total, factor, _number(zero) or zero), dtype)
    lowering.define(node.outputs[0], made)
