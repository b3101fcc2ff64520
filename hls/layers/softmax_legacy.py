"""Softmax, hls4ml's `legacy` implementation: one over the sum of exp(x_j - x_i), both by tables."""

from __future__ import annotations

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.c_math import expf
from weft.hls.layers.integer_division import as_int, truncated_quotient
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers

# nnet::activ_config's own, which hls4ml's softmax configuration never overrides.
_TABLE = FixedType(18, 8)
_STREAM_SIZE = 1024


def softmax_legacy(layer: Layer, data: Operand, result: Tensor) -> Integers:
    """`data` as (N, n_outer, n_slice, n_inner), over n_slice. The stream kernel ignores the layer's table sizes."""
    sizes = [layer.attributes[f"{name}_table_size"] for name in ("exp", "inv")]
    if layer.attributes["io"] == "io_stream":
        sizes = [_STREAM_SIZE, _STREAM_SIZE]
    exp_size, inverse_size = (int(str(size)) for size in sizes)
    differences = data.raw[:, :, None] - data.raw[:, :, :, None]  # [.., i, j, ..] = x_j - x_i
    quotient = truncated_quotient(differences * exp_size, 16)
    index = as_int(quotient, data.type.fraction) + 8 * exp_size // 16
    terms = _exponentials(exp_size)[np.clip(index, 0, exp_size - 1)]
    same = np.arange(data.raw.shape[2])
    terms[:, :, same, same] = 1 << _TABLE.fraction
    total = _TABLE.overflowed(terms.sum(axis=3))
    index = as_int(truncated_quotient(total * inverse_size, 64), _TABLE.fraction)
    inverses = _inverses(inverse_size)[np.clip(index, 0, inverse_size - 1)]
    return result.type.cast(inverses, _TABLE.fraction).reshape(-1, *result.shape)


def _exponentials(size: int) -> Integers:
    steps = np.arange(size, dtype=np.float64)
    return _TABLE.quantise(expf((2 * 8.0 * (steps - size / 2) / size).astype(np.float32)))


def _inverses(size: int) -> Integers:
    arguments = (64.0 * np.arange(size) / size).astype(np.float32).astype(np.float64)
    arguments[0] = np.inf  # the kernel puts 0 there
    return _TABLE.quantise(1.0 / arguments)
