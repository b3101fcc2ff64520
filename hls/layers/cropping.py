"""Cropping1D and Cropping2D (nnet_utils/nnet_cropping.h)."""

from __future__ import annotations

from collections.abc import Sequence

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def cropping(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The part of a sequence (W, C) or image (H, W, C) that `crop_left` and `crop_top` begin."""
    (data,) = operands
    if layer.attributes.get("data_format") == "channels_first":
        raise NotImplementedError(f"layer {layer.name}: cropping with channels first is not simulated exactly yet")
    sides = ("crop_left",) if data.raw.ndim == 3 else ("crop_top", "crop_left")
    begins = [layer.attributes[side] for side in sides]
    extents = [slice(begin, begin + extent) for begin, extent in zip(begins, result.shape, strict=False)]  # type: ignore[operator]  # integers
    return result.type.cast(data.raw[(slice(None), *extents)], data.type.fraction)
