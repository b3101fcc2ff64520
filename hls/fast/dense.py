"""Matrix products in floats: Dense, and what convolutions and EinsumDense make of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.fast.span import Cast, Floats, Inexact, Span, Step, cast
from weft.hls.layers.dense import accumulator_type
from weft.hls.precision import FixedType, Integers


class Product(NamedTuple):
    """A matrix product: `out.finish(matrix @ x + start)`."""

    matrix: Floats  # (n_out, n_in)
    start: Floats  # (.., n_out, 1)
    out: Cast


def product(layer: Layer, span: Span, weight: Integers, bias: Weight, result: Tensor) -> Product:
    """Weights (n_in, n_out) and bias (.., n_out), scaled to the result's step, in floats that hold all partial sums."""
    accumulator = _accumulator(layer, span)
    gained = accumulator.fraction - span.type.fraction - layer.weights["weight"].type.fraction
    if gained < 0 or accumulator.overflow != "WRAP":  # each product rounds by itself; each addition may clip
        raise Inexact
    wide = weight.astype(object) << gained  # Python integers: a bound must not wrap
    start = accumulator.cast(bias.raw, bias.type.fraction)
    least, most = np.minimum(wide * span.low, wide * span.high), np.maximum(wide * span.low, wide * span.high)
    low = int((np.minimum(start, 0) + np.minimum(least, 0).sum(axis=0)).min())  # of every partial sum
    high = int((np.maximum(start, 0) + np.maximum(most, 0).sum(axis=0)).max())
    out = after(accumulator, result.type, low, high)
    matrix = np.ascontiguousarray(wide.T.astype(np.float64) * out.scale).astype(out.dtype)
    return Product(matrix, (start * out.scale).astype(out.dtype)[..., None], out)


def matmul(layer: Layer, span: Span, weight: Integers, result: Tensor) -> Step:
    """Columns (n_in, M) to results (n_out, M)."""
    if _accumulator(layer, span).fraction < span.type.fraction + layer.weights["weight"].type.fraction:
        return _rounded_products(layer, span, weight, result)
    matrix, start, out = product(layer, span, weight, layer.weights["bias"], result)

    def run(x: Floats) -> Floats:
        total = matrix @ x.astype(matrix.dtype, copy=False)  # stacked where there are axes before
        total += start
        return out.finish(total)

    return Step(run, out.low, out.high)


def _rounded_products(layer: Layer, span: Span, weight: Integers, result: Tensor) -> Step:
    """Each product rounded to the accumulator's step before it is added; a wrap may wait for the sum."""
    accumulator, bias = _accumulator(layer, span), layer.weights["bias"]
    if accumulator.overflow != "WRAP" or len(span.shape) != 1:
        raise Inexact
    ends = [int(w) * x for w in (weight.min(), weight.max()) for x in (span.low, span.high)]
    step = FixedType(64, 64 - accumulator.fraction, rounding=accumulator.rounding)
    each = cast(step, span.type.fraction + layer.weights["weight"].type.fraction, min(ends), max(ends))
    start = accumulator.cast(bias.raw, bias.type.fraction)
    low = int(start.min(initial=0)) + len(weight) * min(each.low, 0)
    high = int(start.max(initial=0)) + len(weight) * max(each.high, 0)
    out = after(accumulator, result.type, low, high)
    factors = (weight * each.scale).astype(each.dtype)[:, :, None]

    def run(x: Floats) -> Floats:
        total = np.repeat(start.astype(out.dtype)[:, None], x.shape[-1], axis=1)
        for row, factor in zip(x, factors, strict=True):
            total += each.finish(row * factor)
        total *= out.scale
        return out.finish(total)

    return Step(run, out.low, out.high)


def _accumulator(layer: Layer, span: Span) -> FixedType:
    """The type that products are added in; one that rounds nothing and holds anything for distributed arithmetic."""
    if layer.strategy != "distributed_arithmetic":
        return accumulator_type(layer)
    if "quantiser" in layer.weights:
        raise Inexact
    weight, bias = layer.weights["weight"].type, layer.weights["bias"].type
    return FixedType(64, 64 - max(span.type.fraction + weight.fraction, bias.fraction))


def after(accumulator: FixedType, to: FixedType, low: int, high: int) -> Cast:
    """The accumulator's wrap, which needs nothing done where the range shows that it cannot be, then the cast."""
    if low >= accumulator.minimum and high <= accumulator.maximum:
        return cast(to, accumulator.fraction, low, high)
    wrapped = cast(accumulator, accumulator.fraction, low, high)
    out = cast(to, accumulator.fraction, wrapped.low, wrapped.high)
    return out._replace(scale=1.0, dtype=wrapped.dtype, finish=lambda x: out.apply(wrapped.finish(x)))


def dense(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Over the axis before the batch."""
    run, low, high = matmul(layer, spans[0], layer.weights["weight"].raw, result)
    return Step(lambda x: run(x).reshape(*result.shape, -1), low, high)
