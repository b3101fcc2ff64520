"""Layers that move values, in floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.span import Floats, Inexact, Span, Step, cast
from weft.hls.layers.shape import nearest


def padded(x: Floats, pads: Sequence[Sequence[int]], fill: int) -> Floats:
    """`np.pad` of the leading axes, a few times faster; channels stay outermost in memory, as convolutions leave
    them."""
    if not any(map(any, pads)):
        return x
    extents = [low + extent + high for (low, high), extent in zip(pads, x.shape, strict=False)]
    padded = np.moveaxis(np.full((x.shape[-2], *extents, x.shape[-1]), fill, x.dtype), 0, -2)
    padded[tuple(slice(low, low + extent) for (low, _), extent in zip(pads, x.shape, strict=False))] = x
    return padded


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
    return _moved(layer, spans, result, lambda x: padded(x, pads, 0))


def resize(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Nearest neighbour."""
    if layer.attributes.get("algorithm") != "nearest" or len(result.shape) != 3:
        raise Inexact

    def move(x: Floats) -> Floats:
        return x[nearest(x.shape[0], result.shape[0])][:, nearest(x.shape[1], result.shape[1])]

    return _moved(layer, spans, result, move)


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
