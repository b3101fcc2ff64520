"""Activations from a table: sigmoid, tanh, softplus, softsign, elu, selu (nnet_utils/nnet_activation.h).

Tables are computed as the C++ does: argument in float32, function partly in float32 and partly in double, result read
by the table's fixed-point type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Tensor
from weft.hls.layers.c_math import expf, log, tanhf
from weft.hls.layers.integer_division import as_int, truncated_quotient
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly

Floats = NDArray[np.float32]


_ONE = np.float32(1)
# name -> (half of the table's range, or its whole where it is one-sided; the function)
_TWO_SIDED: dict[str, tuple[int, Callable[[Floats], NDArray[Any]]]] = {
    "sigmoid": (8, lambda x: 1.0 / (_ONE + expf(-x)).astype(np.float64)),
    "tanh": (4, tanhf),
    "softplus": (8, lambda x: log(expf(x).astype(np.float64) + 1.0)),
    "softsign": (8, lambda x: x / (np.abs(x).astype(np.float64) + 1.0)),
}
_NEGATIVE: dict[str, Callable[[Floats], NDArray[Any]]] = {
    "elu": lambda x: expf(x).astype(np.float64) - 1.0,
}


def table_activation(
    layer: Layer, name: str, data: Operand, result: Tensor, parameter: tuple[int, FixedType] | None = None
) -> Integers:
    """Look every value up in the table of activation `name`."""
    size, kind = int(str(layer.attributes["table_size"])), layer.attributes["table_t"]
    assert isinstance(kind, FixedType)
    if name in _TWO_SIDED:
        extent, table = _TWO_SIDED[name][0], _two_sided(name, size, kind)
        index = table_index(data, size, 2 * extent) + size // 2
        return result.type.cast(table[np.clip(index, 0, size - 1)], kind.fraction)
    if name in _NEGATIVE:
        table = _negative(name, size, kind)
        index = np.clip(table_index(data, size, -8), 0, size - 1)
        scale, scale_kind = parameter or (1, FixedType(1, 1, signed=False))
        product = exactly(table[index], kind.width + scale_kind.width + 1) * scale
        below = result.type.cast(product, kind.fraction + scale_kind.fraction)
        return np.where(data.raw >= 0, result.type.cast(data.raw, data.type.fraction), below)
    raise NotImplementedError(f"layer {layer.name}: hls4ml has no activation {name}: use one of its own")


@cache
def _two_sided(name: str, size: int, kind: FixedType) -> Integers:
    extent, function = _TWO_SIDED[name]
    steps = np.arange(size, dtype=np.float64)
    arguments = (2.0 * extent * (steps - size / 2) / size).astype(np.float32)
    return kind.quantise(function(arguments).astype(np.float32))


@cache
def _negative(name: str, size: int, kind: FixedType) -> Integers:
    arguments = (-8.0 * np.arange(size) / size).astype(np.float32)
    return kind.quantise(_NEGATIVE[name](arguments).astype(np.float32))


def table_index(data: Operand, size: int, divisor: int) -> Integers:
    """`int(data * size / divisor)`: ap_fixed's division and its conversion to int both truncate towards zero."""
    product = exactly(data.raw, data.type.width + 1 + size.bit_length()) * size
    return as_int(truncated_quotient(product, divisor), data.type.fraction)
