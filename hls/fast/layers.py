"""Layer kinds in floats, where ranges prove that to be exact. `weft.hls.layers` says what a layer means; what is here
gives the same integers faster, or raises Inexact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Cast, Floats, Inexact, Span, Step, carrier, cast
from weft.hls.layers import MEANINGS, Operand
from weft.hls.layers.dense import accumulator_type, check_products
from weft.hls.layers.pooling import most_negative
from weft.hls.layers.shape import nearest
from weft.hls.layers.softmax import exponentials, inverses, softmax_type
from weft.hls.precision import FixedType, Integers

_LARGEST_TABLE = 1 << 16
_NOTHING = np.zeros(0, np.int64)


class _Product(NamedTuple):
    """A matrix product: `finish(matrix @ x + start)`."""

    matrix: Floats  # (n_out, n_in)
    start: Floats  # (n_out, 1)
    cast: Cast


def _product(layer: Layer, span: Span, weight: Integers, result: Tensor) -> _Product:
    """Weights (n_in, n_out) and bias, scaled to the result's step, in a type that holds every partial sum."""
    check_products(layer, span.type)
    accumulator, bias = accumulator_type(layer), layer.weights["bias"]
    gained = accumulator.fraction - span.type.fraction - layer.weights["weight"].type.fraction
    if gained < 0 or accumulator.overflow != "WRAP":  # each product rounds by itself; each addition may clip
        raise Inexact
    wide = weight.astype(object) << gained  # Python integers: a bound must not wrap
    start = accumulator.cast(bias.raw, bias.type.fraction)
    least, most = np.minimum(wide * span.low, wide * span.high), np.maximum(wide * span.low, wide * span.high)
    low = int((np.minimum(start, 0) + np.minimum(least, 0).sum(axis=0)).min())  # of every partial sum
    high = int((np.maximum(start, 0) + np.maximum(most, 0).sum(axis=0)).max())
    out = _after(accumulator, result.type, low, high)
    matrix = np.ascontiguousarray(wide.T.astype(np.float64) * out.scale).astype(out.dtype)
    return _Product(matrix, (start * out.scale).astype(out.dtype)[:, None], out)


def _matmul(layer: Layer, span: Span, weight: Integers, result: Tensor) -> Step:
    """Columns (n_in, M) to results (n_out, M)."""
    if accumulator_type(layer).fraction < span.type.fraction + layer.weights["weight"].type.fraction:
        return _rounded_products(layer, span, weight, result)
    matrix, start, out = _product(layer, span, weight, result)

    def run(x: Floats) -> Floats:
        total = matrix @ x.astype(matrix.dtype, copy=False)  # stacked where there are axes before
        total += start
        return out.finish(total)

    return Step(run, out.low, out.high)


def _rounded_products(layer: Layer, span: Span, weight: Integers, result: Tensor) -> Step:
    """Each product rounded to the accumulator's step before it is added; a wrap may wait for the sum."""
    check_products(layer, span.type)
    accumulator, bias = accumulator_type(layer), layer.weights["bias"]
    if accumulator.overflow != "WRAP" or len(span.shape) != 1:
        raise Inexact
    ends = [int(w) * x for w in (weight.min(), weight.max()) for x in (span.low, span.high)]
    step = FixedType(64, 64 - accumulator.fraction, rounding=accumulator.rounding)
    each = cast(step, span.type.fraction + layer.weights["weight"].type.fraction, min(ends), max(ends))
    start = accumulator.cast(bias.raw, bias.type.fraction)
    low = int(start.min(initial=0)) + len(weight) * min(each.low, 0)
    high = int(start.max(initial=0)) + len(weight) * max(each.high, 0)
    out = _after(accumulator, result.type, low, high)
    factors = (weight * each.scale).astype(each.dtype)[:, :, None]

    def run(x: Floats) -> Floats:
        total = np.repeat(start.astype(out.dtype)[:, None], x.shape[-1], axis=1)
        for row, factor in zip(x, factors, strict=True):
            total += each.finish(row * factor)
        total *= out.scale
        return out.finish(total)

    return Step(run, out.low, out.high)


def _after(accumulator: FixedType, to: FixedType, low: int, high: int) -> Cast:
    """The accumulator's wrap, which needs nothing done where the range shows that it cannot be, then the cast."""
    if low >= accumulator.minimum and high <= accumulator.maximum:
        return cast(to, accumulator.fraction, low, high)
    wrapped = cast(accumulator, accumulator.fraction, low, high)
    out = cast(to, accumulator.fraction, wrapped.low, wrapped.high)
    return out._replace(scale=1.0, dtype=wrapped.dtype, finish=lambda x: out.apply(wrapped.finish(x)))


def dense(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Over the axis before the batch."""
    run, low, high = _matmul(layer, spans[0], layer.weights["weight"].raw, result)
    return Step(lambda x: run(x).reshape(*result.shape, -1), low, high)


def convolution(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """One matrix product with every window of every sample as a column."""
    kernel, (span,) = layer.weights["weight"].raw, spans
    height, width, channels, filters = (1,) * (4 - kernel.ndim) + kernel.shape
    flat = span._replace(shape=(height * width * channels,))
    multiplied, low, high = _matmul(layer, flat, kernel.reshape(-1, filters), result)
    cells, dtype = _cells(layer, (height, width), result), carrier(span.low, span.high)

    def run(x: Floats) -> Floats:
        slices = cells(x, 0)
        rows, columns, _, batch = slices[0].shape
        patches = np.empty((len(slices), channels, rows, columns, batch), dtype)
        for patch, cell in zip(patches, slices, strict=True):
            patch[...] = np.moveaxis(cell, 2, 0)
        y = multiplied(patches.reshape(len(slices) * channels, -1))
        return np.moveaxis(y.reshape(filters, rows, columns, batch), 0, 2).reshape(*result.shape, -1)

    return Step(run, low, high)


def depthwise_convolution(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """A sum over the kernel's cells, each times its channels' weights."""
    kernel = layer.weights["weight"].raw
    height, width, channels, multiplier = (1,) * (4 - kernel.ndim) + kernel.shape
    if multiplier != 1:
        raise Inexact
    matrix, start, out = _product(layer, spans[0], kernel.reshape(-1, channels), result)
    cells = _cells(layer, (height, width), result)

    def run(x: Floats) -> Floats:
        slices = cells(x.astype(matrix.dtype, copy=False), 0)
        total = slices[0] * matrix[:, 0, None]
        for cell, weight in zip(slices[1:], matrix.T[1:], strict=True):
            total += cell * weight[:, None]
        total += start
        return out.finish(total).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def _cells(layer: Layer, kernel: tuple[int, int], result: Tensor) -> Callable[[Floats, int], list[Floats]]:
    """(image, fill) -> for each cell of the kernel, what every window of the padded image has there, (H, W, C, N)."""
    named = {key: value for key, value in layer.attributes.items() if isinstance(value, int)}
    pads = [[named.get(f"pad_{side}", 0) for side in sides] for sides in (("top", "bottom"), ("left", "right"))]
    steps = [named.get("stride_height", 1), named.get("stride_width", 1)]
    extents = (1, *result.shape)[-3:-1]  # a sequence is an image of height 1

    def cells(x: Floats, fill: int) -> list[Floats]:
        image = _padded(x[None] if x.ndim == 3 else x, pads, fill)
        offsets = product(*map(range, kernel))
        return [image[_window(offset, extents, steps)] for offset in offsets]

    return cells


def _window(offsets: Sequence[int], extents: Sequence[int], steps: Sequence[int]) -> tuple[slice, ...]:
    return tuple(
        slice(offset, offset + step * (extent - 1) + 1, step)
        for offset, extent, step in zip(offsets, extents, steps, strict=True)
    )


def _padded(x: Floats, pads: Sequence[Sequence[int]], fill: int) -> Floats:
    """`np.pad` of the leading axes, a few times faster; channels stay outermost in memory, as convolutions leave
    them."""
    if not any(map(any, pads)):
        return x
    extents = [low + extent + high for (low, high), extent in zip(pads, x.shape, strict=False)]
    padded = np.moveaxis(np.full((x.shape[-2], *extents, x.shape[-1]), fill, x.dtype), 0, -2)
    padded[tuple(slice(low, low + extent) for (low, _), extent in zip(pads, x.shape, strict=False))] = x
    return padded


def pooling(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """A maximum or a mean of whole windows; windows that reach outside an image are left to int64 for a mean."""
    flat = "1D" in layer.kind
    kernel = (1 if flat else _integer(layer, "pool_height"), _integer(layer, "pool_width"))
    cells = _cells(layer, kernel, result)
    padded = any(layer.attributes.get(f"pad_{side}") for side in ("top", "bottom", "left", "right"))
    (span,) = spans
    if layer.attributes["pool_op"] == "Max":
        fill = most_negative(span.type)
        if padded:
            span = span._replace(low=min(span.low, fill), high=max(span.high, fill))
        return _maximum(layer, span, result, lambda x: reduce(np.maximum, cells(x, fill)))
    if padded and not layer.attributes.get("count_pad"):
        raise Inexact
    return _mean(layer, span, result, kernel[0] * kernel[1], lambda x: sum(cells(x, 0)))


def global_pooling(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Over every axis but the channels and the batch."""
    (span,) = spans
    if layer.attributes["pool_op"] == "Max":
        return _maximum(layer, span, result, lambda x: x.max(axis=tuple(range(x.ndim - 2))))
    return _mean(layer, span, result, prod(span.shape[:-1]), lambda x: x.sum(axis=tuple(range(x.ndim - 2))))


def _maximum(layer: Layer, span: Span, result: Tensor, largest: Callable[[Floats], Any]) -> Step:
    accumulator, kind = accumulator_type(layer), span.type
    narrow = accumulator.integer - accumulator.signed < kind.integer - kind.signed or (
        kind.signed and not accumulator.signed
    )
    if narrow or accumulator.fraction < kind.fraction:
        raise Inexact  # a cast that wraps, if only by rounding up, does not keep order
    held = cast(accumulator, kind.fraction, span.low, span.high)
    out = cast(result.type, accumulator.fraction, held.low, held.high)
    return Step(lambda x: out.apply(held.apply(largest(x))).reshape(*result.shape, -1), out.low, out.high)


def _mean(layer: Layer, span: Span, result: Tensor, count: int, total: Callable[[Floats], Any]) -> Step:
    """In float64: a quotient of integers below 2**53 rounds to a whole number only if it is one."""
    accumulator = accumulator_type(layer)
    gained = accumulator.fraction - span.type.fraction
    low, high = (count * min(span.low, 0)) << max(gained, 0), (count * max(span.high, 0)) << max(gained, 0)
    if gained < 0 or accumulator.overflow != "WRAP" or low < accumulator.minimum or high > accumulator.maximum:
        raise Inexact
    carrier(low, high)
    out = cast(result.type, accumulator.fraction, low, high)

    def run(x: Floats) -> Floats:
        mean = np.trunc(total(x.astype(np.float64)) * 2.0**gained / count)
        return out.apply(mean).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def activation(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """ReLU and linear as casts; any other function of one value as a table of what its meaning gives."""
    (span,) = spans
    name = str(layer.attributes["activation"]).lower()
    if name in ("relu", "linear"):
        out = cast(result.type, span.type.fraction, span.low, span.high, relu=name == "relu")
        return Step(out.apply, out.low, out.high)
    if span.high - span.low >= _LARGEST_TABLE:
        raise Inexact
    every = np.arange(span.low, span.high + 1)
    table = MEANINGS[layer.kind](layer, [Operand(every, span.type)], replace(result, shape=()))
    return _table_step(table, span.low)


def _table_step(table: Integers, first: int) -> Step:
    low, high = int(table.min()), int(table.max())
    floats = table.astype(carrier(low, high))
    return Step(lambda x: floats[x.astype(np.int32) - first], low, high)


def batch_normalization(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """x * scale + bias, each channel's or each value's own."""
    (span,) = spans
    scale, bias = layer.weights["scale"], layer.weights["bias"]
    fraction = span.type.fraction + scale.type.fraction
    common = max(fraction, bias.type.fraction)
    if scale.raw.size not in (result.size, result.shape[-1]) or span.shape != result.shape:
        raise Inexact
    factor = scale.raw.astype(object).ravel() << (common - fraction)
    offset = bias.raw.astype(object).ravel() << (common - bias.type.fraction)
    ends = np.array([factor * span.low, factor * span.high, 0 * factor])
    low = int(min((ends.min(axis=0) + offset).min(), offset.min()))
    high = int(max((ends.max(axis=0) + offset).max(), offset.max()))
    carrier(int(ends.min()), int(ends.max()))  # the product is rounded once before the offset is added
    out = cast(result.type, common, min(low, int(ends.min())), max(high, int(ends.max())))
    shape = (*result.shape, 1) if factor.size == result.size else (-1, 1)
    slope, intercept = ((f.astype(np.float64) * out.scale).astype(out.dtype).reshape(shape) for f in (factor, offset))

    def run(x: Floats) -> Floats:
        y = np.multiply(x, slope, dtype=out.dtype)
        y += intercept
        return out.finish(y)

    return Step(run, out.low, out.high)


def merge(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """One operation on each pair of values, at the finer of the two steps."""
    operation = str(layer.attributes["op"]).lower()
    first, second = spans
    if first.shape != second.shape:
        raise Inexact
    if operation == "multiply":
        ends = [a * b for a in (first.low, first.high, 1) for b in (second.low, second.high, 1)]
        return _merged(np.multiply, (1.0, 1.0), first.type.fraction + second.type.fraction, ends, result)
    common = max(first.type.fraction, second.type.fraction)
    up = [common - span.type.fraction for span in spans]
    (a, b), (c, d) = [(span.low << bits, span.high << bits) for span, bits in zip(spans, up, strict=True)]
    scales = (2.0 ** up[0], 2.0 ** up[1])
    match operation:
        case "add":
            return _merged(np.add, scales, common, [a + c, b + d, a, b, c, d], result)
        case "subtract":
            return _merged(np.subtract, scales, common, [a - d, b - c, a, b, c, d], result)
        case "average":
            return _merged(np.add, scales, common + 1, [a + c, b + d, a, b, c, d], result)
    raise Inexact


def _merged(
    operation: Callable[..., Floats], scales: tuple[float, float], fraction: int, ends: list[int], result: Tensor
) -> Step:
    out = cast(result.type, fraction, min(ends), max(ends))

    def run(x: Floats, y: Floats) -> Floats:
        x, y = (v if scale == 1 else v.astype(out.dtype) * scale for v, scale in zip((x, y), scales, strict=True))
        return out.apply(operation(x, y, dtype=out.dtype))

    return Step(run, out.low, out.high)


def _moved(layer: Layer, spans: Sequence[Span], result: Tensor, move: Callable[[Floats], Floats]) -> Step:
    (span,) = spans
    out = cast(result.type, span.type.fraction, span.low, span.high)
    return Step(lambda x: move(out.apply(x)), min(out.low, 0), max(out.high, 0))


def reshape(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Row-major, as the shapes without a batch are."""
    return _moved(layer, spans, result, lambda x: x.reshape(*result.shape, -1))


def transpose(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """The batch stays where it is."""
    order = layer.attributes["perm"]
    assert isinstance(order, tuple)
    return _moved(layer, spans, result, lambda x: x.transpose(*order, len(order)).reshape(*result.shape, -1))


def zero_padding(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Zeros around an image or a sequence."""
    sides = (("top", "bottom"), ("left", "right"))[3 - len(result.shape) :]
    pads = [[_integer(layer, f"pad_{side}") for side in pair] for pair in sides]
    return _moved(layer, spans, result, lambda x: _padded(x, pads, 0))


def resize(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Nearest neighbour."""
    if layer.attributes.get("algorithm") != "nearest" or len(result.shape) != 3:
        raise Inexact

    def move(x: Floats) -> Floats:
        return x[nearest(x.shape[0], result.shape[0])][:, nearest(x.shape[1], result.shape[1])]

    return _moved(layer, spans, result, move)


def softmax(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Both tables looked up once at compile time, for every argument there is."""
    (span,) = spans
    stable = layer.attributes["implementation"] == "stable"
    accumulator, inverse_type = softmax_type(layer, "accum_t"), softmax_type(layer, "inv_table_t")
    first, last = (0, span.high - span.low) if stable else (span.low, span.high)
    if layer.attributes["implementation"] not in ("stable", "latency") or last - first >= _LARGEST_TABLE:
        raise Inexact
    exps = exponentials(layer, Operand(np.arange(first, last + 1), span.type), stable=stable)
    outer, inner = (int(str(layer.attributes.get(name, 1))) for name in ("n_outer", "n_inner"))
    count = result.size // (outer * inner)
    if int(exps.min()) < 0 or count * int(exps.max()) > min(accumulator.maximum, 2**53):
        raise Inexact  # the tree of additions may clip on its way
    inverse = inverses(layer)
    out = cast(
        result.type,
        accumulator.fraction + inverse_type.fraction,
        min(0, int(exps.max()) * inverse_type.minimum),
        int(exps.max()) * inverse_type.maximum,
    )
    table = exps.astype(np.float64)

    def run(x: Floats) -> Floats:
        x = x.reshape(outer, count, inner, -1)
        numerators = table[((x.max(axis=1, keepdims=True) - x) if stable else (x - first)).astype(np.int32)]
        shares = inverse(numerators.sum(axis=1, keepdims=True).astype(np.int64))
        return out.apply(numerators * shares).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def concatenate(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Each operand cast, then joined."""
    axis = layer.attributes["axis"]
    assert isinstance(axis, int)
    casts = [cast(result.type, span.type.fraction, span.low, span.high) for span in spans]
    join = axis - 1 if axis > 0 else axis + len(result.shape)

    def run(*operands: Floats) -> Floats:
        return np.concatenate([out.apply(x) for out, x in zip(casts, operands, strict=True)], axis=join)

    return Step(run, min(out.low for out in casts), max(out.high for out in casts))


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value


FAST: dict[str, Callable[[Layer, Sequence[Span], Tensor], Step]] = {
    "Activation": activation,
    "ApplyAlpha": batch_normalization,
    "BatchNormalization": batch_normalization,
    "Clone": reshape,
    "Concatenate": concatenate,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Dense": dense,
    "DepthwiseConv1D": depthwise_convolution,
    "DepthwiseConv2D": depthwise_convolution,
    "GlobalPooling1D": global_pooling,
    "GlobalPooling2D": global_pooling,
    "Merge": merge,
    "ParametrizedActivation": activation,
    "PointwiseConv1D": convolution,
    "PointwiseConv2D": convolution,
    "Pooling1D": pooling,
    "Pooling2D": pooling,
    "Repack": reshape,
    "Reshape": reshape,
    "Resize": resize,
    "Softmax": softmax,
    "Transpose": transpose,
    "ZeroPadding1D": zero_padding,
    "ZeroPadding2D": zero_padding,
}
