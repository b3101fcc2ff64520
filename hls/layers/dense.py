"""Dense: nnet_utils/nnet_dense_latency.h and nnet_dense_resource.h of hls4ml, and what da4ml writes in their place."""

from __future__ import annotations

from collections.abc import Sequence

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.accumulate import kernel_order, sums_of_products
from weft.hls.layers.distributed_arithmetic import exact_sums
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers

_BIT = FixedType(1, 1, signed=False)


def accumulator_type(layer: Layer) -> FixedType:
    """The type a layer sums in."""
    accumulator = layer.attributes["accum_t"]
    assert isinstance(accumulator, FixedType)
    return accumulator


def check_products(layer: Layer, data: FixedType) -> None:
    """Refuse what hls4ml has no kernel for, and its XNOR of single bits, which no type here stands for."""
    if layer.strategy not in ("latency", "resource", "resource_unrolled", "distributed_arithmetic"):
        raise NotImplementedError(
            f"layer {layer.name}: {layer.kind} with strategy {layer.strategy} has no C++ in hls4ml's Vitis backend: "
            "choose latency, resource, resource_unrolled or distributed_arithmetic"
        )
    if data == _BIT and layer.weights["weight"].type == _BIT:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml takes a product of {data} and a weight of {_BIT} for an XNOR: "
            "give one of them two bits"
        )


def dense(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """res = cast(bias + sum over i of data[i] * weight[i][j]), over the last axis."""
    (data,) = operands
    rows = Operand(data.raw.reshape(-1, layer.weights["weight"].raw.shape[0]), data.type)
    return multiplied(layer, rows, layer.weights["weight"], result).reshape(-1, *result.shape)


def multiplied(layer: Layer, rows: Operand, weight: Weight, result: Tensor) -> Integers:
    """Results (M, n_out) of the layer's dense kernel on `rows` (M, n_in) and `weight` (n_in, n_out)."""
    if layer.strategy == "distributed_arithmetic":
        return result.type.cast(*exact_sums(layer, rows, weight, layer.weights["bias"]))
    accumulator = accumulator_type(layer)
    order = kernel_order(layer, len(weight.raw), layer.reuse_factor)
    total = sums_of_products(rows, weight, layer.weights["bias"], accumulator, order)
    return result.type.cast(total, accumulator.fraction)
