"""Sums of products as hls4ml's dense kernels take them: every product is cast to the accumulator's type, then added.

Adding wraps at the accumulator's width, and wrapping commutes with adding, so the order of a wrapping sum does not
matter and one wrap at the end suffices. Where the accumulator keeps all fraction bits of a product, no cast rounds
either, and the sum is one matrix product: in float64 while it stays below 2**53 (then BLAS is exact), else in int64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Weight
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly

_CHUNK = 1 << 22  # products held at once where each must be rounded by itself (32 MiB of int64)


def sums_of_products(
    rows: Operand, weight: Weight, bias: Weight, accumulator: FixedType, order: NDArray[np.intp]
) -> Integers:
    """Raw accumulators (M, n_out) of `rows` (M, n_in) times `weight` (n_in, n_out) plus `bias` (n_out,).

    `order` (n_in,) is the order the kernel adds its inputs in (`kernel_order`): a saturating sum depends on it.
    """
    start = accumulator.cast(bias.raw, bias.type.fraction)
    fraction = rows.type.fraction + weight.type.fraction
    if accumulator.overflow == "WRAP" and accumulator.fraction >= fraction:
        # May wrap modulo 2**64 on the way, which leaves the lower bits as they are.
        total = exact_matmul(rows.raw, weight.raw) << (accumulator.fraction - fraction)
        return accumulator.overflowed(total + start)
    data, factors = (exactly(raw, rows.type.width + weight.type.width + 1) for raw in (rows.raw, weight.raw))
    if accumulator.overflow != "WRAP":
        terms = (accumulator.cast(data[:, index, None] * factors[index], fraction) for index in order)
        return in_order(np.broadcast_to(start, (len(data), factors.shape[1])), terms, accumulator)
    parts = [
        accumulator.cast(chunk[:, :, None] * factors, fraction).sum(axis=1) + start
        for chunk in _chunks(data, factors.size)
    ]
    return accumulator.overflowed(np.concatenate(parts))


def kernel_order(layer: Layer, count: int, reuse_factor: int, *, stride: int = 1, first: int = 0) -> NDArray[np.intp]:
    """The order in which a kernel adds `count` inputs, of which number i is its value `first + stride * i`.

    nnet_dense_latency.h takes values as they come. The Resource kernels (nnet_dense_resource.h, and
    nnet_depthwise_product.h, whose values are the window's, channels innermost) take those of each of their
    `reuse_factor` rounds together.
    """
    values = first + stride * np.arange(count)
    return np.arange(count) if layer.strategy == "latency" else np.lexsort((values, values % reuse_factor))


def exact_matmul(rows: Integers, weight: Integers) -> Integers:
    """Integer matrix product (M, K) x (K, N), exact modulo 2**64."""
    largest = int(np.abs(rows).max(initial=0))
    bound = largest * int(np.abs(weight).sum(axis=0).max(initial=0))
    if bound < 2**53:  # every partial sum is an integer that float64 holds, so BLAS is exact in any order
        return (rows.astype(np.float64) @ weight.astype(np.float64)).astype(np.int64)
    return rows @ weight


def in_order(start: Integers, terms: Iterator[Integers], accumulator: FixedType) -> Integers:
    """`start` and one term after the other, all in the accumulator's steps: a saturating type clips every time."""
    total = exactly(start, accumulator.width + 1)
    for term in terms:
        total = accumulator.overflowed(total + term)
        total = exactly(total, accumulator.width + 1)
    return np.ascontiguousarray(total, np.int64)


def added(total: Integers, terms: NDArray[Any], width: int, fraction: int, accumulator: FixedType) -> Integers:
    """`total += x` for every x along the last axis of `terms`: each sum is exact, and then cast to the accumulator.

    `terms` are of `width` bits, `fraction` of them right of the binary point, which may be more than the accumulator's.
    """
    common = max(fraction, accumulator.fraction)
    bits = 2 + max(width + common - fraction, accumulator.width + common - accumulator.fraction)
    values = exactly(terms, bits) << (common - fraction)
    for step in range(values.shape[-1]):
        shifted = exactly(total, bits) << (common - accumulator.fraction)
        total = accumulator.cast(shifted + values[..., step], common)
    return total


def tree_sum(values: Integers, accumulator: FixedType) -> Integers:
    """nnet::reduce over the last axis: a balanced tree whose left part is the largest power of two below the count.
    The tree decides where a saturating type clips."""
    return tree(values, lambda left, right: accumulator.overflowed(exactly(left, accumulator.width + 1) + right))


def tree(values: Integers, join: Callable[[Integers, Integers], Integers]) -> Integers:
    """`join` over the last axis in the shape of nnet::reduce's tree."""
    count = values.shape[-1]
    if count == 1:
        return values[..., 0]
    left = 1 << ((count - 1).bit_length() - 1)
    return join(tree(values[..., :left], join), tree(values[..., left:], join))


def _chunks(rows: NDArray[np.int64], products_per_row: int) -> Iterator[Integers]:
    step = max(1, _CHUNK // max(1, products_per_row))
    for begin in range(0, max(1, len(rows)), step):
        yield rows[begin : begin + step]
