"""Conv1D, Conv2D and their pointwise and depthwise forms, channels last: each window goes through a dense kernel
(nnet_utils/nnet_conv2d_stream.h, nnet_conv2d_latency.h and _resource.h of hls4ml)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.accumulate import kernel_order, sums_of_products
from weft.hls.layers.dense import accumulator_type, multiplied
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def windows(layer: Layer, raw: Integers, kernel: tuple[int, int], fill: int = 0) -> Integers:
    """Every window of a (N, H, W, C) image, as (N, out_h, out_w, kernel_h, kernel_w, C)."""
    integer = _integers(layer)
    top, bottom = integer.get("pad_top", 0), integer.get("pad_bottom", 0)
    left, right = integer.get("pad_left", 0), integer.get("pad_right", 0)
    padded = np.pad(raw, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    strided = sliding_window_view(padded, kernel, (1, 2))  # type: ignore[call-overload]  # NumPy types one axis only
    strided = strided[:, :: integer.get("stride_height", 1), :: integer.get("stride_width", 1)]
    height, width = integer.get("out_height", 1), integer.get("out_width", 1)
    return np.moveaxis(strided[:, :height, :width], 3, -1)


def as_image(raw: Integers) -> Integers:
    """(N, W, C) as an image of height 1; images as they are."""
    return raw[:, None] if raw.ndim == 3 else raw


def convolution(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Conv1D and Conv2D: the window times the kernel, summed over height, width and channel in that order."""
    (data,) = operands
    kernel = layer.weights["weight"]
    height, width, channels, filters = (1,) * (4 - kernel.raw.ndim) + kernel.raw.shape
    patches = windows(layer, as_image(data.raw), (height, width))
    rows = Operand(patches.reshape(-1, height * width * channels), data.type)
    matrix = Weight(kernel.raw.reshape(-1, filters), kernel.type)
    return multiplied(layer, rows, matrix, result).reshape(-1, *result.shape)


def depthwise_convolution(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """DepthwiseConv1D and DepthwiseConv2D with a depth multiplier of 1: each channel has a kernel of its own."""
    (data,) = operands
    kernel, bias, accumulator = layer.weights["weight"], layer.weights["bias"], accumulator_type(layer)
    height, width, channels, _ = (1,) * (4 - kernel.raw.ndim) + kernel.raw.shape
    patches = windows(layer, as_image(data.raw), (height, width))
    totals = []
    for channel in range(channels):
        rows = Operand(patches[..., channel].reshape(-1, height * width), data.type)
        matrix = Weight(kernel.raw[..., channel, :].reshape(-1, 1), kernel.type)
        start = Weight(bias.raw[channel : channel + 1], bias.type)
        order = kernel_order(layer, height * width, layer.reuse_factor, stride=channels, first=channel)
        totals.append(sums_of_products(rows, matrix, start, accumulator, order))
    total = np.concatenate(totals, axis=1)
    return result.type.cast(total, accumulator.fraction).reshape(-1, *result.shape)


def _integers(layer: Layer) -> dict[str, int]:
    return {key: value for key, value in layer.attributes.items() if isinstance(value, int)}
