"""Convolutions in floats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.fast.dense import matmul, product
from weft.hls.fast.shape import padded
from weft.hls.fast.span import Floats, Inexact, Span, Step, carrier


def convolution(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """One matrix product with every window of every sample as a column."""
    kernel, (span,) = layer.weights["weight"].raw, spans
    height, width, channels, filters = (1,) * (4 - kernel.ndim) + kernel.shape
    flat = span._replace(shape=(height * width * channels,))
    multiplied, low, high = matmul(layer, flat, kernel.reshape(-1, filters), result)
    cells, dtype = window_cells(layer, (height, width), result), carrier(span.low, span.high)

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
    matrix, start, out = product(layer, spans[0], kernel.reshape(-1, channels), layer.weights["bias"], result)
    cells = window_cells(layer, (height, width), result)

    def run(x: Floats) -> Floats:
        slices = cells(x.astype(matrix.dtype, copy=False), 0)
        total = slices[0] * matrix[:, 0, None]
        for cell, weight in zip(slices[1:], matrix.T[1:], strict=True):
            total += cell * weight[:, None]
        total += start
        return out.finish(total).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def window_cells(layer: Layer, kernel: tuple[int, int], result: Tensor) -> Callable[[Floats, int], list[Floats]]:
    """(image, fill) -> for each cell of the kernel, what every window of the padded image has there, (H, W, C, N)."""
    named = {key: value for key, value in layer.attributes.items() if isinstance(value, int)}
    pads = [[named.get(f"pad_{side}", 0) for side in sides] for sides in (("top", "bottom"), ("left", "right"))]
    steps = [named.get("stride_height", 1), named.get("stride_width", 1)]
    extents = (1, *result.shape)[-3:-1]  # a sequence is an image of height 1

    def cells(x: Floats, fill: int) -> list[Floats]:
        image = padded(x[None] if x.ndim == 3 else x, pads, fill)
        offsets = itertools.product(*map(range, kernel))
        return [image[_window(offset, extents, steps)] for offset in offsets]

    return cells


def _window(offsets: Sequence[int], extents: Sequence[int], steps: Sequence[int]) -> tuple[slice, ...]:
    return tuple(
        slice(offset, offset + step * (extent - 1) + 1, step)
        for offset, extent, step in zip(offsets, extents, steps, strict=True)
    )
