"""BatchNormalization and ApplyAlpha (nnet_utils/nnet_batchnorm.h): one multiplication and one addition, no rounding
between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def batch_normalization(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """res = data * scale + bias, with one scale and bias a channel, or one a value."""
    (data,) = operands
    scale, bias = layer.weights["scale"], layer.weights["bias"]
    fraction = data.type.fraction + scale.type.fraction
    width = data.type.width + scale.type.width
    if max(width, bias.type.width + max(0, fraction - bias.type.fraction)) > 62:
        raise NotImplementedError(f"layer {layer.name}: data * scale + bias is wider than 62 bits")
    flat = data.raw.reshape(len(data.raw), -1, scale.raw.size)
    common = max(fraction, bias.type.fraction)
    product = (flat * scale.raw.ravel()) << (common - fraction)
    total = product + (bias.raw.ravel() << (common - bias.type.fraction))
    return result.type.cast(np.asarray(total), common).reshape(-1, *result.shape)
