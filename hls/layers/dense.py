"""Dense: nnet_utils/nnet_dense_latency.h and nnet_dense_resource.h of hls4ml."""

from __future__ import annotations

from collections.abc import Sequence

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import sums_of_products
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers


def accumulator_type(layer: Layer) -> FixedType:
    """The type a layer sums in."""
    accumulator = layer.attributes["accum_t"]
    assert isinstance(accumulator, FixedType)
    return accumulator


def check_products(layer: Layer, data: Operand) -> None:
    """Refuse what multiplies otherwise than integers do (hls4ml's binary, ternary and exponential products)."""
    if layer.strategy not in ("latency", "resource", "resource_unrolled"):
        raise NotImplementedError(f"layer {layer.name}: strategy {layer.strategy} is not simulated exactly yet")
    weight = layer.weights["weight"]
    if weight.type == FixedType(2, 2) and int(weight.raw.min(initial=0)) < -1:
        raise NotImplementedError(f"layer {layer.name}: a ternary weight of -2 is not simulated exactly")
    if data.type.width + weight.type.width > 64:
        raise NotImplementedError(
            f"layer {layer.name}: products of {data.type} and {weight.type} are wider than 64 bits"
        )


def dense(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """res = cast(bias + sum over i of data[i] * weight[i][j]), over the last axis."""
    (data,) = operands
    check_products(layer, data)
    weight, accumulator = layer.weights["weight"], accumulator_type(layer)
    rows = Operand(data.raw.reshape(-1, weight.raw.shape[0]), data.type)
    total = sums_of_products(layer, rows, weight, layer.weights["bias"], accumulator)
    return result.type.cast(total, accumulator.fraction).reshape(-1, *result.shape)
