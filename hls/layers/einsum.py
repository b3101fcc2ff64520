"""Einsum and EinsumDense, io_parallel (nnet_utils/nnet_einsum.h and nnet_einsum_dense.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.accumulate import sums_of_products
from weft.hls.layers.dense import accumulator_type, check_products
from weft.hls.layers.dot import check_plain_product
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def einsum(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Two tensors, seen as (I, L0, C) and (I, L1, C): every product is added and the sum then rounded."""
    first, second = operands
    check_plain_product(layer, first.type, second.type)
    accumulator = accumulator_type(layer)
    inplace, contracted = _integer(layer, "n_inplace"), _integer(layer, "n_contract")
    left = _transposed(layer, "inp0", first.raw).reshape(len(first.raw), inplace, -1, 1, contracted)
    right = _transposed(layer, "inp1", second.raw).reshape(len(second.raw), inplace, 1, -1, contracted)
    fraction = first.type.fraction + second.type.fraction
    common = max(fraction, accumulator.fraction)
    if max(first.type.width + second.type.width, accumulator.width) + common - min(fraction, accumulator.fraction) > 62:
        raise NotImplementedError(f"layer {layer.name}: products and accumulator {accumulator} together exceed 62 bits")
    total = np.zeros(np.broadcast_shapes(left.shape, right.shape)[:-1], np.int64)
    for index in range(contracted):
        product = (left[..., index] * right[..., index]) << (common - fraction)
        total = accumulator.cast((total << (common - accumulator.fraction)) + product, common)
    return _back(layer, result.type.cast(total, accumulator.fraction), result)


def einsum_dense(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """A tensor, seen as (I, L0, C), times weights (I, C, L1), each slice by the dense latency kernel."""
    (data,) = operands
    check_products(layer, data)
    if layer.strategy != "latency":
        raise NotImplementedError(f"layer {layer.name}: EinsumDense with strategy {layer.strategy} has no kernel")
    accumulator = accumulator_type(layer)
    inplace, contracted = _integer(layer, "n_inplace"), _integer(layer, "n_contract")
    free, outputs = _integer(layer, "n_free_data"), _integer(layer, "n_free_kernel")
    rows = _transposed(layer, "inp", data.raw).reshape(-1, inplace, free, contracted)
    weight, bias = layer.weights["weight"], layer.weights["bias"]
    weights = weight.raw.reshape(inplace, contracted, outputs)
    biases = bias.raw.reshape(inplace, free, outputs)
    total = np.empty((len(rows), inplace, free, outputs), np.int64)
    for i in range(inplace):
        for row in range(free):
            slice_of = Operand(rows[:, i, row], data.type)
            start = Weight(biases[i, row], bias.type)
            total[:, i, row] = sums_of_products(layer, slice_of, Weight(weights[i], weight.type), start, accumulator)
    return _back(layer, result.type.cast(total, accumulator.fraction), result)


def _transposed(layer: Layer, name: str, raw: Integers) -> Integers:
    shape, order = _axes(layer, f"{name}_shape"), _axes(layer, f"{name}_tpose_idxs")
    return raw.reshape(-1, *shape).transpose(0, *(axis + 1 for axis in order))


def _back(layer: Layer, total: Integers, result: Tensor) -> Integers:
    shape, order = _axes(layer, "out_interpert_shape"), _axes(layer, "out_tpose_idxs")
    return total.reshape(-1, *shape).transpose(0, *(axis + 1 for axis in order)).reshape(-1, *result.shape)


def _axes(layer: Layer, name: str) -> tuple[int, ...]:
    value = layer.attributes[name]
    assert isinstance(value, tuple)
    return value


def _integer(layer: Layer, name: str) -> int:
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
