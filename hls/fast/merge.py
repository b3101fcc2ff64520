"""Merge and Concatenate in floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Floats, Inexact, Span, Step, cast


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


def concatenate(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Each operand cast, then joined."""
    axis = layer.attributes["axis"]
    assert isinstance(axis, int)
    casts = [cast(result.type, span.type.fraction, span.low, span.high) for span in spans]
    join = axis - 1 if axis > 0 else axis + len(result.shape)

    def run(*operands: Floats) -> Floats:
        return np.concatenate([out.apply(x) for out, x in zip(casts, operands, strict=True)], axis=join)

    return Step(run, min(out.low for out in casts), max(out.high for out in casts))
