"""Pooling1D/2D and GlobalPooling1D/2D, channels last (nnet_utils/nnet_pooling.h and nnet_pooling_stream.h).

The parallel kernels take a window's values one by one, of their own type; the stream kernels cast them to the
accumulator's type first and join them in a tree, or, over a whole image, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import added, in_order, tree_sum
from weft.hls.layers.convolution import as_image, windows
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.integer_division import truncated_quotient
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers


def pooling(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Largest or mean value of each window. A mean divides by the window's part inside the image, or, with
    `count_pad`, by the whole window; integer division truncates towards zero, as ap_fixed's operator/ does."""
    (data,) = operands
    one_dimensional = "1D" in layer.kind
    kernel = (1 if one_dimensional else _integer(layer, "pool_height"), _integer(layer, "pool_width"))
    image = as_image(data.raw)
    if one_dimensional:  # hls4ml names the 1D extent n_in and n_out; the window code wants an image's
        layer = _as_two_dimensional(layer)
    fill = most_negative(data.type) if layer.attributes["pool_op"] == "Max" else 0
    patches = np.moveaxis(windows(layer, image, kernel, fill=fill), -1, 3)
    cells = Operand(patches.reshape(*patches.shape[:4], prod(kernel)), data.type)
    if layer.attributes["pool_op"] == "Max":
        return _largest(layer, cells, result)
    inside = windows(layer, np.ones((1, *image.shape[1:3], 1), np.int64), kernel).sum(axis=(3, 4))
    count = np.int64(prod(kernel)) if layer.attributes.get("count_pad") else inside
    accumulator = accumulator_type(layer)
    if _is_stream(layer):
        total = tree_sum(accumulator.cast(cells.raw, data.type.fraction), accumulator)
    else:
        total = _one_by_one(cells, accumulator)
    mean = accumulator.overflowed(truncated_quotient(total, count))
    return result.type.cast(mean, accumulator.fraction).reshape(-1, *result.shape)


def global_pooling(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Largest or mean value of each channel over the whole image."""
    (data,) = operands
    pixels = Operand(np.moveaxis(data.raw.reshape(len(data.raw), -1, data.raw.shape[-1]), 1, -1), data.type)
    if layer.attributes["pool_op"] == "Max":
        return _largest(layer, pixels, result)
    accumulator = accumulator_type(layer)
    if _is_stream(layer):
        cast = accumulator.cast(pixels.raw, data.type.fraction)
        total = in_order(np.zeros(cast.shape[:-1], np.int64), iter(np.moveaxis(cast, -1, 0)), accumulator)
        mean = truncated_quotient(total, pixels.raw.shape[-1])
    else:
        mean = accumulator.overflowed(truncated_quotient(_one_by_one(pixels, accumulator), pixels.raw.shape[-1]))
    return result.type.cast(mean, accumulator.fraction).reshape(-1, *result.shape)


def _one_by_one(cells: Operand, accumulator: FixedType) -> Integers:
    """Sums over the last axis. Where nothing is rounded and a sum only wraps, its order does not matter."""
    if accumulator.overflow == "WRAP" and accumulator.fraction >= cells.type.fraction:
        return accumulator.overflowed(accumulator.cast(cells.raw, cells.type.fraction).sum(axis=-1))
    start = np.zeros(cells.raw.shape[:-1], np.int64)
    return added(start, cells.raw, cells.type.width + 1, cells.type.fraction, accumulator)


def _largest(layer: Layer, cells: Operand, result: Tensor) -> Integers:
    """Over the last axis, in the accumulator's type before or after the comparison."""
    accumulator, fraction = accumulator_type(layer), cells.type.fraction
    if _is_stream(layer):
        largest = accumulator.cast(cells.raw, fraction).max(axis=-1)
    else:
        largest = accumulator.cast(cells.raw.max(axis=-1), fraction)
    return result.type.cast(largest, accumulator.fraction).reshape(-1, *result.shape)


def most_negative(kind: FixedType) -> int:
    """What nnet::pad_val puts into padded cells of a maximum: only the top bit set, which for an unsigned type is
    half its range rather than its minimum."""
    return -(1 << (kind.width - 1)) if kind.signed else 1 << (kind.width - 1)


def _is_stream(layer: Layer) -> bool:
    return layer.attributes["io"] == "io_stream"


def _as_two_dimensional(layer: Layer) -> Layer:
    return replace(layer, attributes={**layer.attributes, "out_height": 1, "out_width": _integer(layer, "n_out")})


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
