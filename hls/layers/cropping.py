"""Cropping1D and Cropping2D (nnet_utils/nnet_cropping.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def cropping(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The part of a sequence (W, C) or image (H, W, C; or C, H, W) that `crop_left` and `crop_top` begin."""
    (data,) = operands
    first = 2 if layer.attributes.get("data_format") == "channels_first" else 1  # axis of the raw values
    sides = ("crop_left",) if data.raw.ndim == 3 else ("crop_top", "crop_left")
    raw = data.raw
    for axis, side in enumerate(sides, first):
        begin = layer.attributes[side]
        assert isinstance(begin, int)
        raw = raw.take(np.arange(begin, begin + result.shape[axis - 1]), axis)
    return result.type.cast(raw, data.type.fraction)
