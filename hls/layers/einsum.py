"""Einsum and EinsumDense, io_parallel (nnet_utils/nnet_einsum.h and nnet_einsum_dense.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.accumulate import added, sums_of_products
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.distributed_arithmetic import exact_sums, without_bias
from weft.hls.layers.dot import check_plain_product
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers, exactly


def einsum(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Two tensors, seen as (I, L0, C) and (I, L1, C): every product is added and the sum then rounded."""
    first, second = operands
    check_plain_product(layer, second.type)
    accumulator = accumulator_type(layer)
    inplace, contracted = integer(layer, "n_inplace"), integer(layer, "n_contract")
    left = _transposed(layer, "inp0", first.raw).reshape(len(first.raw), inplace, -1, 1, contracted)
    right = _transposed(layer, "inp1", second.raw).reshape(len(second.raw), inplace, 1, -1, contracted)
    width, fraction = first.type.width + second.type.width + 1, first.type.fraction + second.type.fraction
    products = exactly(left, width) * exactly(right, width)
    total = added(np.zeros(products.shape[:-1], np.int64), products, width, fraction, accumulator)
    return _back(layer, result.type.cast(total, accumulator.fraction), result)


def einsum_dense(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """A tensor, seen as (I, L0, C), times weights (I, C, L1), each slice by the dense latency kernel or by da4ml's
    exact sum, whose result is cast to the accumulator before the bias is added."""
    (data,) = operands
    if layer.strategy not in ("latency", "distributed_arithmetic"):
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml has no EinsumDense with strategy {layer.strategy}: choose latency or "
            "distributed_arithmetic"
        )
    accumulator = accumulator_type(layer)
    inplace, contracted = integer(layer, "n_inplace"), integer(layer, "n_contract")
    free, outputs = integer(layer, "n_free_data"), integer(layer, "n_free_kernel")
    rows = _transposed(layer, "inp", data.raw).reshape(-1, inplace, free, contracted)
    weight, bias = layer.weights["weight"], layer.weights["bias"]
    weights = weight.raw.reshape(inplace, contracted, outputs)
    biases = bias.raw.reshape(inplace, free, outputs)
    total = np.empty((len(rows), inplace, free, outputs), np.int64)
    for i in range(inplace):
        kernel = Weight(weights[i], weight.type)
        for row in range(free):
            slice_of, start = Operand(rows[:, i, row], data.type), Weight(biases[i, row], bias.type)
            total[:, i, row] = _slice(layer, slice_of, kernel, start, i)
    return _back(layer, result.type.cast(total, accumulator.fraction), result)


def _slice(layer: Layer, rows: Operand, kernel: Weight, bias: Weight, which: int) -> Integers:
    accumulator = accumulator_type(layer)
    if layer.strategy == "latency":
        return sums_of_products(rows, kernel, bias, accumulator, np.arange(len(kernel.raw)))
    total = accumulator.cast(*exact_sums(layer, rows, kernel, without_bias(kernel), which))
    terms = np.broadcast_to(bias.raw, total.shape)[..., None]
    return added(total, terms, bias.type.width + 1, bias.type.fraction, accumulator)


def _transposed(layer: Layer, name: str, raw: Integers) -> Integers:
    shape, order = axes(layer, f"{name}_shape"), axes(layer, f"{name}_tpose_idxs")
    return raw.reshape(-1, *shape).transpose(0, *(axis + 1 for axis in order))


def _back(layer: Layer, total: Integers, result: Tensor) -> Integers:
    shape, order = axes(layer, "out_interpert_shape"), axes(layer, "out_tpose_idxs")
    return total.reshape(-1, *shape).transpose(0, *(axis + 1 for axis in order)).reshape(-1, *result.shape)


def axes(layer: Layer, name: str) -> tuple[int, ...]:
    """A shape or an order of axes that hls4ml worked out of the equation."""
    value = layer.attributes[name]
    assert isinstance(value, tuple)
    return value


def integer(layer: Layer, name: str) -> int:
    """An extent that hls4ml worked out of the equation."""
    value = layer.attributes[name]
    assert isinstance(value, int)
    return value
