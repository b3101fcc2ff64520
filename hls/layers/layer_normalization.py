"""LayerNormalization over the last axis, io_parallel (nnet_utils/nnet_layernorm.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import in_order
from weft.hls.layers.batch_normalization import scaled
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.dot import check_plain_product
from weft.hls.layers.integer_division import as_int
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly


def layer_normalization(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """(x - mean) * table(variance) * scale + bias; mean, differences and variance are rounded to the accumulator."""
    (data,) = operands
    scale, bias = layer.weights["scale"], layer.weights["bias"]
    accumulator, table_type = accumulator_type(layer), layer.attributes["table_t"]
    assert isinstance(table_type, FixedType)
    check_plain_product(layer, scale.type)
    count = scale.raw.size
    rows = accumulator.cast(data.raw.reshape(len(data.raw), -1, count), data.type.fraction)
    inverse = int(accumulator.quantise(np.array(1.0 / count)))
    mean = accumulator.cast(_sum(rows, accumulator) * inverse, 2 * accumulator.fraction)
    differences = accumulator.overflowed(exactly(rows, accumulator.width + 1) - mean[..., None])
    wide = exactly(differences, 2 * accumulator.width)
    variance = accumulator.cast(
        _sum(accumulator.cast(wide * wide, 2 * accumulator.fraction), accumulator) * inverse, 2 * accumulator.fraction
    )
    factor = inverse_roots(layer, table_type)[_index(layer, variance, accumulator)]
    width, fraction = accumulator.width + table_type.width, accumulator.fraction + table_type.fraction
    product = exactly(differences, width + 1) * factor[..., None]
    return result.type.cast(*scaled(product, width + 1, fraction, scale, bias)).reshape(-1, *result.shape)


def _sum(terms: Integers, accumulator: FixedType) -> NDArray[Any]:
    """Over the last axis, wide enough to be multiplied by another accumulator."""
    start = np.zeros(terms.shape[:-1], np.int64)
    total = in_order(start, iter(np.moveaxis(terms, -1, 0)), accumulator)
    return exactly(total, 2 * accumulator.width)


def table_steps(layer: Layer) -> tuple[int, int]:
    """How many entries the table of deviations has, and how many of them lie between variances 0 and 1."""
    size = _integer(layer, "table_size")
    return size, size << _integer(layer, "table_range_power2")


def _index(layer: Layer, variance: Integers, accumulator: FixedType) -> Integers:
    size, steps = table_steps(layer)
    wide = exactly(variance, accumulator.width + steps.bit_length() + 1)
    return np.clip(as_int(wide * steps, accumulator.fraction), 0, size - 1)


def inverse_roots(layer: Layer, kind: FixedType) -> Integers:
    """1 / sqrt(x) in steps of float32 from 10**-epsilon_power_of_10."""
    size = _integer(layer, "table_size")
    first = np.float32(10.0 ** -_integer(layer, "epsilon_power_of_10"))
    step = np.float32(2.0 ** -_integer(layer, "table_range_power2")) / np.float32(size)
    roots = np.sqrt(first + step * np.arange(size, dtype=np.float32))
    return kind.quantise(1.0 / roots.astype(np.float64))


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
