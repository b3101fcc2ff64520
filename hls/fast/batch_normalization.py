"""BatchNormalization in floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Floats, Inexact, Span, Step, carrier, cast


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
