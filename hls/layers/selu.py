"""SELU (nnet_utils/nnet_activation.h and nnet_activation_stream.h)."""

from __future__ import annotations

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.c_math import expf
from weft.hls.layers.operand import Operand
from weft.hls.layers.table import table_index
from weft.hls.precision import FixedType, Integers, exactly

# The two constants of the paper (Klambauer et al., "Self-Normalizing Neural Networks", 2017).
_LAMBDA = 1.0507009873554804934193349852946
_ALPHA = 1.6732632423543772848170429916717
_RANGE = -8  # the table ends here


def selu(layer: Layer, data: Operand, result: Tensor) -> Integers:
    """lambda * x from 0 up, a table below. lambda is ap_ufixed<16,1> in the parallel kernel; the stream kernel reads
    it by the data's type."""
    size, kind = layer.attributes["table_size"], layer.attributes["table_t"]
    assert isinstance(size, int)
    assert isinstance(kind, FixedType)
    arguments = (_RANGE * np.arange(size, dtype=np.float64) / size).astype(np.float32)
    exact = _LAMBDA * (_ALPHA * (expf(arguments).astype(np.float64) - 1.0))
    table = kind.quantise(exact.astype(np.float32))
    index = table_index(data, size, _RANGE)
    below = result.type.cast(table[np.clip(index, 0, size - 1)], kind.fraction)
    factor = data.type if layer.attributes["io"] == "io_stream" else FixedType(16, 1, signed=False)
    product = exactly(data.raw, data.type.width + factor.width + 1) * int(factor.quantise(np.array(_LAMBDA)))
    return np.where(data.raw >= 0, result.type.cast(product, data.type.fraction + factor.fraction), below)
