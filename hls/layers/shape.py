"""Layers that move values and change none, but for the result's type: reshape, transpose, clone, padding, resize."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def reshape(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Reshape, Repack and Clone: the same values in row-major order. TimeDistributed is one too: it makes samples of
    moments, (N, T, ..) to (N * T, ..), for the layers that it wraps, and back."""
    (data,) = operands
    return result.type.cast(data.raw, data.type.fraction).reshape(-1, *result.shape)


def transpose(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """`perm` does not count the batch."""
    (data,) = operands
    order = layer.attributes["perm"]
    assert isinstance(order, tuple)
    moved = data.raw.transpose(0, *(axis + 1 for axis in order))
    return result.type.cast(moved, data.type.fraction).reshape(-1, *result.shape)


def zero_padding(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Zeros around an image (H, W, C) or a sequence (W, C), or around either with its channels first."""
    (data,) = operands
    pads = [(_pad(layer, "left"), _pad(layer, "right"))]
    if data.raw.ndim == 4:
        pads.insert(0, (_pad(layer, "top"), _pad(layer, "bottom")))
    pads.insert(0 if layer.attributes.get("data_format") == "channels_first" else len(pads), (0, 0))
    return result.type.cast(np.pad(data.raw, [(0, 0), *pads]), data.type.fraction)


def resize(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Nearest neighbour by a 16.16 fixed-point ratio, one unit too large (nnet_utils/nnet_image.h); hls4ml's stream
    kernel repeats pixels, which is the same for the integer scales that reach it."""
    (data,) = operands
    if layer.attributes.get("algorithm") == "nearest" and data.raw.ndim == 3:
        return result.type.cast(data.raw[:, nearest(data.raw.shape[1], result.shape[0])], data.type.fraction)
    if layer.attributes.get("algorithm") != "nearest":
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml resizes by nearest neighbour only, and this is "
            f"{layer.attributes.get('algorithm')}: resize before the FPGA"
        )
    rows = nearest(data.raw.shape[1], result.shape[0])
    columns = nearest(data.raw.shape[2], result.shape[1])
    return result.type.cast(data.raw[:, rows][:, :, columns], data.type.fraction)


def nearest(old: int, new: int) -> Integers:
    """The old index that each new one repeats."""
    ratio = (old << 16) // new + 1
    return (np.arange(new, dtype=np.int64) * ratio) >> 16


def _pad(layer: Layer, side: str) -> int:
    value = layer.attributes[f"pad_{side}"]
    assert isinstance(value, int)
    return value
