"""Matrix products: MatMul and Gemm."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from weft.host.opencl.broadcast import broadcast_strides, merged
from weft.host.opencl.expression import Expression, Operand, Scalar
from weft.host.opencl.gemm import Bias, Matrices, Size, in_strips, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.movement import broadcast_to
from weft.host.opencl.node import attribute, given, needed
from weft.host.opencl.tensor import Tensor
from weft.host.opencl.tiles import StripTile

FLOAT = np.dtype(np.float32)


def lower_matmul(lowering: Lowering, node: ir.Node) -> None:
    """numpy.matmul, with the bias and the ReLU after it where nothing else reads what is between."""
    a, right = lowering.tensor(needed(node, 0)), needed(node, 1)
    shape, last, bias = lowering.shape(right), node, None
    if min(len(a.shape), len(shape)) > 1:
        last, bias = bias_after(lowering, node, shape[-1])
    end = relu_after(lowering, last)
    relu = end is not last
    fits = min(len(a.shape), len(shape)) > 1 and a.shape[-1:] == shape[:1]
    strips = packed(lowering, right) if fits else None
    if strips is None:
        result = matmul(lowering, a, lowering.tensor(right), bias, relu=relu)
    else:
        k, n = a.shape[-1], shape[-1]
        result = lowering.allocate((*a.shape[:-1], n))
        size = Size(1, prod(a.shape[:-1]), n, k)
        along: Bias = "" if bias is None else "column"
        multiply(lowering, Matrices(a, k, 1), strips, size, result, bias=bias, bias_along=along, relu=relu)
    lowering.define(end.outputs[0], result)


def fold_weights(lowering: Lowering, node: ir.Node) -> None:
    """Upload a constant right side of MatMul or Gemm, as its kernel will read it."""
    right = needed(node, 1)
    if lowering.is_known(right) and packed(lowering, right, transposed=bool(attribute(node, "transB", 0))) is None:
        lowering.tensor(right)


def packed(lowering: Lowering, value: ir.Value, *, transposed: bool = False) -> Matrices | None:
    """A constant matrix (or its transpose) as the strips that this device's kernels read in one go; None where it is no
    such matrix, or the device has no such kernels."""
    tile, known = lowering.context.profile.tile, lowering.host(value)
    if not isinstance(tile, StripTile) or known is None or known.ndim != 2 or known.dtype != FLOAT:
        return None
    made = partial(in_strips, known.T if transposed else known, tile.columns)
    name = f"{value.name}\0in strips of {tile.columns}{' transposed' if transposed else ''}"
    return Matrices(lowering.resident(name, made), tile.columns, 1, packed=True)


def bias_after(lowering: Lowering, node: ir.Node, width: int) -> tuple[ir.Node, Tensor | None]:
    """The Add that adds one number to each of `width` columns of the node's result, absorbed, and these numbers."""
    add = lowering.only_reader(node.outputs[0])
    if add is None or add.op_type != "Add" or add.domain:
        return node, None
    other = next((value for value in add.inputs if value is not None and value is not node.outputs[0]), None)
    if other is None or not lowering.is_known(other) or lowering.shape(other) != (width,):
        return node, None
    lowering.absorb(add)
    return add, lowering.tensor(other)


def relu_after(lowering: Lowering, node: ir.Node) -> ir.Node:
    """The ReLU that alone reads the node's result, absorbed, or the node itself."""
    relu = lowering.only_reader(node.outputs[0])
    if relu is None or relu.op_type != "Relu":
        return node
    lowering.absorb(relu)
    return relu


def matmul(
    lowering: Lowering,
    a: Tensor,
    b: Tensor,
    bias: Tensor | None = None,
    *,
    relu: bool = False,
    dtype: np.dtype[Any] = FLOAT,
) -> Tensor:
    """numpy.matmul of two tensors, plus `bias` along the last axis, and then max(., 0) with `relu`; as int32 of
    integers (`gemm.multiply`)."""
    left = a.reshaped((1, *a.shape)) if len(a.shape) == 1 else a
    right = b.reshaped((*b.shape, 1)) if len(b.shape) == 1 else b
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    if right.shape[-2] != k:
        raise ValueError(f"{a.shape} cannot be multiplied with {b.shape}")
    result = lowering.allocate((*batch, m, n), dtype)
    if prod(right.shape[:-2]) == 1:  # one matrix for all: the batch is further rows
        size, sides = Size(1, prod(batch) * m, n, k), (Matrices(left, k, 1), Matrices(right, n, 1))
    else:
        size = Size(prod(batch), m, n, k)
        sides = _batched(lowering, left, batch), _batched(lowering, right, batch)
    multiply(lowering, *sides, size, result, bias=bias, bias_along="" if bias is None else "column", relu=relu)
    shape = (*batch, *((m,) if len(a.shape) > 1 else ()), *((n,) if len(b.shape) > 1 else ()))
    return result.reshaped(shape)


def _batched(lowering: Lowering, tensor: Tensor, batch: tuple[int, ...]) -> Matrices:
    """The matrices of a tensor, repeated to `batch`; copied only where they repeat along more than one run of axes."""
    rows, columns = tensor.shape[-2:]
    sizes, (steps,) = merged(batch, [broadcast_strides(tensor.shape[:-2], batch)])
    moving = [axis for axis, step in enumerate(steps) if step]
    if len(moving) > 1:
        whole = broadcast_to(lowering, tensor, (*batch, rows, columns))
        return Matrices(whole, columns, 1, 1, prod(batch), rows * columns)
    if not moving:
        return Matrices(tensor, columns, 1)
    (axis,) = moving
    return Matrices(tensor, columns, 1, prod(sizes[axis + 1 :]), sizes[axis], rows * columns)


def lower_gemm(lowering: Lowering, node: ir.Node) -> None:
    """alpha a' b' + beta c, where a' and b' are a and b, or transposed (ONNX operator Gemm)."""
    a, value = lowering.tensor(needed(node, 0)), needed(node, 1)
    turned = bool(attribute(node, "transB", 0))
    (m, k), left = _side(a, bool(attribute(node, "transA", 0)))
    depth, n = lowering.shape(value)[:: -1 if turned else 1]
    if depth != k:
        raise ValueError(f"{a.shape} cannot be multiplied with {lowering.shape(value)}")
    right = packed(lowering, value, transposed=turned) or _side(lowering.tensor(value), turned)[1]
    product = lowering.allocate((m, n))
    multiply(lowering, left, right, Size(1, m, n, k), product)
    alpha, beta, added = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0), given(node, 2)
    text, operands = "{0}", list[Operand]([product])
    if alpha != 1.0:
        operands.append(Scalar(np.float32(alpha)))
        text = "({0} * {1})"
    if added is not None and beta != 0.0:
        operands.append(lowering.operand(added))
        term = f"{{{len(operands) - 1}}}"
        if beta != 1.0:
            operands.append(Scalar(np.float32(beta)))
            term = f"{term} * {{{len(operands) - 1}}}"
        text = f"({text} + {term})"
    plain = len(operands) == 1
    lowering.define(node.outputs[0], product if plain else Expression(text, tuple(operands), (m, n), FLOAT))


def _side(tensor: Tensor, transposed: bool) -> tuple[tuple[int, int], Matrices]:
    rows, columns = tensor.shape
    if transposed:
        return (columns, rows), Matrices(tensor, 1, columns)
    return (rows, columns), Matrices(tensor, columns, 1)
