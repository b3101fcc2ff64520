"""LayerNormalization over the last axis, io_parallel (nnet_utils/nnet_layernorm.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.dot import check_plain_product, in_order
from weft.hls.layers.integer_division import as_int
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers


def layer_normalization(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """(x - mean) * table(variance) * scale + bias; mean, differences and variance are rounded to the accumulator."""
    (data,) = operands
    scale, bias = layer.weights["scale"], layer.weights["bias"]
    accumulator, table_type = accumulator_type(layer), layer.attributes["table_t"]
    assert isinstance(table_type, FixedType)
    check_plain_product(layer, data.type, scale.type)
    check_plain_product(layer, accumulator, accumulator)
    count = scale.raw.size
    rows = accumulator.cast(data.raw.reshape(len(data.raw), -1, count), data.type.fraction)
    inverse = int(accumulator.quantise(np.array(1.0 / count)))
    mean = accumulator.cast(in_order(rows, accumulator) * inverse, 2 * accumulator.fraction)
    differences = accumulator.overflowed(rows - mean[..., None])
    squares = accumulator.cast(differences * differences, 2 * accumulator.fraction)
    variance = accumulator.cast(in_order(squares, accumulator) * inverse, 2 * accumulator.fraction)
    factor = _inverse_roots(layer, table_type)[_index(layer, variance, accumulator)]
    fraction = accumulator.fraction + table_type.fraction + scale.type.fraction
    common = max(fraction, bias.type.fraction)
    width = accumulator.width + table_type.width + scale.type.width + common - fraction
    if max(width, bias.type.width + common - bias.type.fraction) > 62:
        raise NotImplementedError(f"layer {layer.name}: difference * deviation * scale + bias is wider than 62 bits")
    product = (differences * factor[..., None] * scale.raw.ravel()) << (common - fraction)
    total = np.asarray(product + (bias.raw.ravel() << (common - bias.type.fraction)))
    return result.type.cast(total, common).reshape(-1, *result.shape)


def _index(layer: Layer, variance: Integers, accumulator: FixedType) -> Integers:
    size = _integer(layer, "table_size")
    steps = size << _integer(layer, "table_range_power2")
    if accumulator.width + steps.bit_length() > 62:
        raise NotImplementedError(f"layer {layer.name}: variance * table_size is wider than 62 bits")
    return np.clip(as_int(variance * steps, accumulator.fraction), 0, size - 1)


def _inverse_roots(layer: Layer, kind: FixedType) -> Integers:
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
