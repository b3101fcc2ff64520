"""Sums of products as hls4ml's dense kernels take them: every product is cast to the accumulator's type, then added.

Adding wraps at the accumulator's width, and wrapping commutes with adding, so the order of a wrapping sum does not
matter and one wrap at the end suffices. Where the accumulator keeps all fraction bits of a product, no cast rounds
either, and the sum is one matrix product: in float64 while it stays below 2**53 (then BLAS is exact), else in int64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weft.hls.design import Layer, Weight
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers

_CHUNK = 1 << 22  # products held at once where each must be rounded by itself (32 MiB of int64)


def sums_of_products(layer: Layer, rows: Operand, weight: Weight, bias: Weight, accumulator: FixedType) -> Integers:
    """Raw accumulators (M, n_out) of `rows` (M, n_in) times `weight` (n_in, n_out) plus `bias` (n_out,)."""
    start = accumulator.cast(bias.raw, bias.type.fraction)
    fraction = rows.type.fraction + weight.type.fraction
    if accumulator.overflow != "WRAP":
        return _saturating(layer, rows.raw, weight.raw, start, fraction, accumulator)
    if accumulator.fraction >= fraction:
        # May wrap modulo 2**64 on the way, which leaves the lower bits as they are.
        total = exact_matmul(rows.raw, weight.raw) << (accumulator.fraction - fraction)
        return accumulator.overflowed(total + start)
    parts = [
        accumulator.cast(chunk[:, :, None] * weight.raw, fraction).sum(axis=1) + start
        for chunk in _chunks(rows.raw, weight.raw.size)
    ]
    return accumulator.overflowed(np.concatenate(parts))


def exact_matmul(rows: Integers, weight: Integers) -> Integers:
    """Integer matrix product (M, K) x (K, N), exact modulo 2**64."""
    largest = int(np.abs(rows).max(initial=0))
    bound = largest * int(np.abs(weight).sum(axis=0).max(initial=0))
    if bound < 2**53:  # every partial sum is an integer that float64 holds, so BLAS is exact in any order
        return (rows.astype(np.float64) @ weight.astype(np.float64)).astype(np.int64)
    return rows @ weight


def _saturating(
    layer: Layer, rows: Integers, weight: Integers, start: Integers, fraction: int, accumulator: FixedType
) -> Integers:
    """A saturating accumulator clips after every addition, so the kernel's own order counts: nnet_dense_latency.h
    adds inputs in ascending order; the Resource kernels' order depends on the reuse factor."""
    if layer.strategy != "latency":
        raise NotImplementedError(
            f"layer {layer.name}: {layer.kind} with strategy {layer.strategy} and saturating accumulator "
            f"{accumulator} is not simulated exactly; use a wrapping accumulator"
        )
    total = np.broadcast_to(start, (len(rows), weight.shape[1]))
    for column, factors in zip(rows.T, weight, strict=True):
        product = accumulator.cast(column[:, None] * factors, fraction)
        total = accumulator.overflowed(total + product)
    return np.ascontiguousarray(total)


def _chunks(rows: Integers, products_per_row: int) -> Iterator[Integers]:
    step = max(1, _CHUNK // max(1, products_per_row))
    for begin in range(0, max(1, len(rows)), step):
        yield rows[begin : begin + step]
