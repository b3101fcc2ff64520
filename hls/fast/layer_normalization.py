"""LayerNormalization in floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Cast, Floats, Inexact, Span, Step, carrier, cast
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.layer_normalization import inverse_roots, table_steps
from weft.hls.precision import FixedType


def layer_normalization(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Over the axis before the batch."""
    (span,) = spans
    scale, bias, accumulator = layer.weights["scale"], layer.weights["bias"], accumulator_type(layer)
    count, table_type = scale.raw.size, layer.attributes["table_t"]
    assert isinstance(table_type, FixedType)
    size, steps = table_steps(layer)
    inverse = float(accumulator.quantise(np.array(1.0 / count)))
    entered = cast(accumulator, span.type.fraction, span.low, span.high)
    ends = [accumulator.minimum, accumulator.maximum]
    square = max(end * end for end in ends)
    averaged = cast(accumulator, 2 * accumulator.fraction, -square, square)
    narrowed = cast(accumulator, accumulator.fraction, ends[0] - ends[1], ends[1] - ends[0])
    if accumulator.maximum * steps >> max(0, accumulator.fraction) >= 2**31:
        raise Inexact  # the index is an int
    roots = inverse_roots(layer, table_type).astype(np.float64)
    fraction = accumulator.fraction + table_type.fraction + scale.type.fraction
    common = max(fraction, bias.type.fraction)
    factors = scale.raw.ravel().astype(object) << (common - fraction)
    offsets = bias.raw.ravel().astype(object) << (common - bias.type.fraction)
    widest = int(np.abs(factors).max()) * int(np.abs(roots).max()) * max(-ends[0], ends[1])
    carrier(-widest, widest)  # of the product before the offset is added
    bound = widest + int(np.abs(offsets).max())
    out = cast(result.type, common, -bound, bound)
    slopes, intercepts = (np.asarray(values, np.float64)[:, None] for values in (factors, offsets))

    def run(x: Floats) -> Floats:
        rows = entered.apply(x).astype(np.float64).reshape(-1, count, x.shape[-1])
        mean = averaged.apply(_sum(rows, narrowed) * inverse)
        differences = narrowed.apply(rows - mean[:, None])
        variance = averaged.apply(_sum(averaged.apply(differences * differences), narrowed) * inverse)
        index = np.clip(np.trunc(variance * (steps * 2.0**-accumulator.fraction)), 0, size - 1).astype(np.int32)
        total = differences * roots[index][:, None] * slopes + intercepts
        return out.apply(total).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def _sum(terms: Floats, narrowed: Cast) -> Floats:
    """Over axis 1, brought into the accumulator's range after every addition, which changes nothing where all terms
    together stay within it."""
    if np.abs(terms).sum(axis=1).max(initial=0) <= narrowed.high:
        return np.asarray(terms.sum(axis=1))
    total = terms[:, 0]
    for index in range(1, terms.shape[1]):
        total = narrowed.finish(total + terms[:, index])
    return total
