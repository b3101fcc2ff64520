"""Maxima and means in floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.convolution import window_cells
from weft.hls.fast.span import Floats, Inexact, Span, Step, carrier, cast
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.pooling import most_negative


def pooling(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """A maximum or a mean of whole windows; windows that reach outside an image are left to int64 for a mean."""
    flat = "1D" in layer.kind
    kernel = (1 if flat else _integer(layer, "pool_height"), _integer(layer, "pool_width"))
    cells = window_cells(layer, kernel, result)
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


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
