"""BatchNormalization and ApplyAlpha (nnet_utils/nnet_batchnorm.h): one multiplication and one addition, no rounding
between them. With a ternary tanh behind it, hls4ml makes two thresholds of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers, exactly


def batch_normalization(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """res = data * scale + bias, with one scale and bias a channel, or one a value."""
    (data,) = operands
    scale, bias = layer.weights["scale"], layer.weights["bias"]
    flat = data.raw.reshape(len(data.raw), -1, scale.raw.size)
    total = scaled(flat, data.type.width, data.type.fraction, scale, bias)
    return result.type.cast(*total).reshape(-1, *result.shape)


def scaled(values: NDArray[Any], width: int, fraction: int, scale: Weight, bias: Weight) -> tuple[NDArray[Any], int]:
    """`values` (.., n), of `width` bits with `fraction` of them right of the point, times `scale` (n,) plus `bias`
    (n,), nothing rounded, and the fraction bits of that."""
    product = fraction + scale.type.fraction
    common = max(product, bias.type.fraction)
    bits = 2 + max(width + scale.type.width + common - product, bias.type.width + common - bias.type.fraction)
    total = (exactly(values, bits) * exactly(scale.raw.ravel(), bits)) << (common - product)
    return total + (exactly(bias.raw.ravel(), bits) << (common - bias.type.fraction)), common


def quantized_tanh(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """BatchNormalizationQuantizedTanh with three levels: 1 above `threshold_hi`, -1 up to `threshold_lo`, else 0."""
    (data,) = operands
    high, low = (
        data.type.cast(layer.weights[name].raw.ravel(), layer.weights[name].type.fraction)
        for name in ("threshold_hi", "threshold_lo")
    )
    flat = data.raw.reshape(len(data.raw), -1, high.size)
    level = np.where(flat > high, 1, np.where(flat <= low, -1, 0))
    return result.type.cast(level, 0).reshape(-1, *result.shape)
