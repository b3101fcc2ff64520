"""Softmax by tables (nnet_utils/nnet_activation.h, `softmax_stable`, `softmax_latency`, `softmax_argmax`).

A table is indexed by the top bits of its argument's fixed-point type, so a wide argument type makes a coarse table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import tree_sum
from weft.hls.layers.c_math import expf
from weft.hls.layers.operand import Operand
from weft.hls.layers.softmax_legacy import softmax_legacy
from weft.hls.precision import FixedType, Integers, exactly


def softmax(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Over the axis hls4ml chose: data is seen as (n_outer, n_slice, n_inner)."""
    (data,) = operands
    outer, inner = (int(str(layer.attributes.get(name, 1))) for name in ("n_outer", "n_inner"))
    raw = data.raw.reshape(len(data.raw), outer, -1, inner)
    implementation = layer.attributes["implementation"]
    if implementation == "argmax":
        return _argmax(raw, result)
    if implementation == "legacy":
        return softmax_legacy(layer, Operand(raw, data.type), result)
    if implementation not in ("stable", "latency"):
        raise NotImplementedError(f"layer {layer.name}: hls4ml has no softmax {implementation}: use stable")
    return _by_tables(layer, Operand(raw, data.type), result, stable=implementation == "stable")


def _argmax(raw: Integers, result: Tensor) -> Integers:
    winner = np.arange(raw.shape[2])[:, None] == raw.argmax(axis=2)[:, :, None]
    return result.type.cast(winner.astype(np.int64), 0).reshape(-1, *result.shape)


def _by_tables(layer: Layer, data: Operand, result: Tensor, *, stable: bool) -> Integers:
    accumulator = softmax_type(layer, "accum_t")
    raw = exactly(data.raw, data.type.width + 2) if stable else data.raw
    raw = raw.max(axis=2, keepdims=True) - raw if stable else raw
    numerators = exponentials(layer, Operand(raw, data.type), stable=stable)
    shares = inverses(layer)(tree_sum(np.moveaxis(numerators, 2, -1), accumulator))
    inverse_type = softmax_type(layer, "inv_table_t")
    product = exactly(numerators, accumulator.width + inverse_type.width + 1) * shares[:, :, None]
    fraction = accumulator.fraction + inverse_type.fraction
    return result.type.cast(product, fraction).reshape(-1, *result.shape)


def exponentials(layer: Layer, data: Operand, *, stable: bool) -> Integers:
    """e**x in the accumulator's type; where `stable`, e**-x of x, a distance from the largest value."""
    exp_type, accumulator = softmax_type(layer, "exp_table_t"), softmax_type(layer, "accum_t")
    argument, raw = data.type, data.raw
    if stable:
        argument = softmax_type(layer, "inp_norm_t")
        raw = argument.cast(raw, data.type.fraction)
    _check_table(layer, "exp_table_size", argument)
    table = _exp_table(layer, argument, exp_type, negative=stable)
    return accumulator.cast(table[_index(raw, argument, len(table))], exp_type.fraction)


def inverses(layer: Layer) -> Callable[[Integers], Integers]:
    """What gives 1 / total, in the inverse table's type, for a total in the accumulator's."""
    inverse_input, accumulator = softmax_type(layer, "inv_inp_t"), softmax_type(layer, "accum_t")
    _check_table(layer, "inv_table_size", inverse_input)
    table = _inverse_table(layer, inverse_input, softmax_type(layer, "inv_table_t"))
    return lambda total: table[_index(inverse_input.cast(total, accumulator.fraction), inverse_input, len(table))]


def _check_table(layer: Layer, size: str, argument: FixedType) -> None:
    """A table with more entries than its argument has values is indexed by bits that are not there."""
    if int(str(layer.attributes[size])) > 1 << argument.width:
        raise NotImplementedError(
            f"layer {layer.name}: softmax table {size} = {layer.attributes[size]} is larger than its argument's "
            f"{argument} allows, and hls4ml's result is undefined; choose a smaller table_size"
        )


def _index(raw: Integers, kind: FixedType, size: int) -> Integers:
    """The top log2(size) bits of the two's-complement pattern."""
    bits = (size - 1).bit_length()
    return (raw >> (kind.width - bits)) & ((1 << bits) - 1)


def _arguments(kind: FixedType, size: int) -> Integers:
    """The raw value each table entry stands for: its index as the top bits, zeros below."""
    bits = (size - 1).bit_length()
    return kind.overflowed(np.arange(size, dtype=np.int64) << (kind.width - bits))


def _exp_table(layer: Layer, argument: FixedType, kind: FixedType, *, negative: bool) -> Integers:
    size, scale = int(str(layer.attributes["exp_table_size"])), float(str(layer.attributes.get("exp_scale", 1.0)))
    return _exponentials_of(argument, size, scale, kind, negative)


@cache
def _exponentials_of(argument: FixedType, size: int, scale: float, kind: FixedType, negative: bool) -> Integers:
    wrapping = FixedType(argument.width, argument.integer, argument.signed)
    x = wrapping.to_float(_arguments(wrapping, size)).astype(np.float32) * np.float32(scale)
    return kind.quantise(expf(-x if negative else x))


def _inverse_table(layer: Layer, argument: FixedType, kind: FixedType) -> Integers:
    size = int(str(layer.attributes["inv_table_size"]))
    wrapping = FixedType(argument.width, argument.integer, argument.signed)
    x = wrapping.to_float(_arguments(wrapping, size)).astype(np.float32)
    with np.errstate(divide="ignore"):  # entry 0 is 1/0, which saturates as in the C++
        return kind.quantise(np.float32(1) / x)


def softmax_type(layer: Layer, name: str) -> FixedType:
    """One of the types that softmax names in its attributes."""
    value = layer.attributes[name]
    if not isinstance(value, FixedType):
        raise NotImplementedError(f"layer {layer.name}: softmax type {name} is {value}, not a fixed-point type")
    return value
