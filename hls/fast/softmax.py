"""Softmax in floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.activation import LARGEST_TABLE
from weft.hls.fast.span import Floats, Inexact, Span, Step, cast
from weft.hls.layers import Operand
from weft.hls.layers.softmax import exponentials, inverses, softmax_type


def softmax(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Both tables looked up once at compile time, for every argument there is."""
    (span,) = spans
    stable = layer.attributes["implementation"] == "stable"
    accumulator, inverse_type = softmax_type(layer, "accum_t"), softmax_type(layer, "inv_table_t")
    first, last = (0, span.high - span.low) if stable else (span.low, span.high)
    if layer.attributes["implementation"] not in ("stable", "latency") or last - first >= LARGEST_TABLE:
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
