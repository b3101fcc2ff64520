"""Pooling1D/2D and GlobalPooling1D/2D, channels last (nnet_utils/nnet_pooling.h and nnet_pooling_stream.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weft.hls.design import Layer, Tensor
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
    if layer.attributes["pool_op"] == "Max":
        patches = windows(layer, image, kernel, fill=most_negative(data.type))
        return _largest(layer, patches.reshape(*patches.shape[:3], -1, patches.shape[-1]), data, result)
    patches = windows(layer, image, kernel)
    inside = windows(layer, np.ones((1, *image.shape[1:3], 1), np.int64), kernel).sum(axis=(3, 4))
    count = np.int64(kernel[0] * kernel[1]) if layer.attributes.get("count_pad") else inside
    return _mean(layer, patches.reshape(*patches.shape[:3], -1, patches.shape[-1]), count, data, result)


def global_pooling(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Largest or mean value of each channel over the whole image."""
    (data,) = operands
    pixels = data.raw.reshape(len(data.raw), 1, 1, -1, data.raw.shape[-1])
    if layer.attributes["pool_op"] == "Max":
        return _largest(layer, pixels, data, result)
    return _mean(layer, pixels, np.int64(pixels.shape[3]), data, result)


def _largest(layer: Layer, patches: Integers, data: Operand, result: Tensor) -> Integers:
    """The stream kernel casts to the accumulator's type before it compares, the parallel one after: the same while
    the accumulator holds the data's range."""
    accumulator = accumulator_type(layer)
    if accumulator.integer - accumulator.signed < data.type.integer - data.type.signed or (
        data.type.signed and not accumulator.signed
    ):
        raise NotImplementedError(f"layer {layer.name}: accumulator {accumulator} does not hold data of {data.type}")
    largest = accumulator.cast(patches, data.type.fraction).max(axis=3)
    return result.type.cast(largest, accumulator.fraction).reshape(-1, *result.shape)


def _mean(layer: Layer, patches: Integers, count: Integers | np.int64, data: Operand, result: Tensor) -> Integers:
    accumulator = accumulator_type(layer)
    if accumulator.overflow != "WRAP" or accumulator.fraction < data.type.fraction:
        raise NotImplementedError(
            f"layer {layer.name}: a mean with accumulator {accumulator} is not simulated exactly; "
            f"use a wrapping one with at least {data.type.fraction} fraction bits"
        )
    total = accumulator.overflowed(accumulator.cast(patches, data.type.fraction).sum(axis=3))
    mean = truncated_quotient(total, count)
    return result.type.cast(accumulator.overflowed(mean), accumulator.fraction).reshape(-1, *result.shape)


def most_negative(kind: FixedType) -> int:
    """What nnet::pad_val puts into padded cells of a maximum: only the top bit set, which for an unsigned type is
    half its range rather than its minimum."""
    return -(1 << (kind.width - 1)) if kind.signed else 1 << (kind.width - 1)


def _as_two_dimensional(layer: Layer) -> Layer:
    return replace(layer, attributes={**layer.attributes, "out_height": 1, "out_width": _integer(layer, "n_out")})


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
