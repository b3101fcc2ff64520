"""binary_tanh and ternary_tanh (nnet_utils/nnet_activation.h and nnet_activation_stream.h)."""

from __future__ import annotations

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly


def binary_tanh(layer: Layer, data: Operand, result: Tensor) -> Integers:
    """1 from 0 up, else -1."""
    if result.type == FixedType(1, 1, signed=False):
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml writes -1 into {result.type} as 0 or as 1, by how the type came about: "
            "give the result two bits"
        )
    return result.type.cast(np.where(data.raw >= 0, 1, -1), 0)


def ternary_tanh(layer: Layer, data: Operand, result: Tensor) -> Integers:
    """-1, 0 or 1. The parallel kernel compares 2 * x, brought into the data's own type, with 1 and -1; the stream
    kernel compares x itself."""
    stream = layer.attributes["io"] == "io_stream"
    wide = exactly(data.raw, data.type.width + 1 + abs(data.type.fraction))
    raw = wide if stream else exactly(data.type.overflowed(2 * wide), data.type.width + 1 + abs(data.type.fraction))
    value, one = (raw, 1 << data.type.fraction) if data.type.fraction >= 0 else (raw << -data.type.fraction, 1)
    return result.type.cast((value > one).astype(np.int64) - (value <= -one), 0)
