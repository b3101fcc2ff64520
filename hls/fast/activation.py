"""Activations in floats: a cast, or a table of what a function gives for every value that can come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Inexact, Span, Step, carrier, cast
from weft.hls.layers import MEANINGS, Operand
from weft.hls.precision import Integers

LARGEST_TABLE = 1 << 16


def activation(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """ReLU and linear as casts; any other function of one value as a table of what its meaning gives."""
    (span,) = spans
    name = str(layer.attributes["activation"]).lower()
    if name in ("relu", "linear"):
        out = cast(result.type, span.type.fraction, span.low, span.high, relu=name == "relu")
        return Step(out.apply, out.low, out.high)
    if span.high - span.low >= LARGEST_TABLE:
        raise Inexact
    every = np.arange(span.low, span.high + 1)
    table = MEANINGS[layer.kind](layer, [Operand(every, span.type)], replace(result, shape=()))
    return _table_step(table, span.low)


def _table_step(table: Integers, first: int) -> Step:
    low, high = int(table.min()), int(table.max())
    floats = table.astype(carrier(low, high))
    return Step(lambda x: floats[x.astype(np.int32) - first], low, high)
