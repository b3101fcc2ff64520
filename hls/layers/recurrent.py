"""LSTM, GRU and Bidirectional (nnet_utils/nnet_recurrent.h): gates are summed and activated in the accumulator's type,
states kept in the result's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import sums_of_products
from weft.hls.layers.activation import activation
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.dot import check_plain_product
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers

_Step = Callable[[Layer, Operand, tuple[Integers, ...], FixedType], tuple[Integers, ...]]


def lstm(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Long short-term memory, gates in Keras's order i, f, c, o."""
    return _over_time(layer, operands, result, _lstm_step, 2)


def gru(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Gated recurrent unit; hls4ml's kernel applies the reset gate after the recurrent product, whatever the network
    asked for."""
    if layer.attributes.get("apply_reset_gate", "after") != "after":
        raise NotImplementedError(f"layer {layer.name}: hls4ml's GRU applies its reset gate after the product only")
    return _over_time(layer, operands, result, _gru_step, 1)


def bidirectional(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Two LSTMs or GRUs side by side, the second from the end of the sequence to its beginning."""
    if layer.attributes.get("merge_mode", "concat") != "concat":
        raise NotImplementedError(f"layer {layer.name}: hls4ml's Bidirectional concatenates only")
    (data,) = operands
    halves = []
    for way, moments in (("forward", slice(None)), ("backward", slice(None, None, -1))):
        half = _one_way(layer, way)
        step, states = (_lstm_step, 2) if half.kind == "LSTM" else (_gru_step, 1)
        _check(half, data, result)
        size = half.weights["recurrent_weight"].raw.shape[0]
        outputs = _outputs(half, Operand(data.raw[:, moments], data.type), size, result.type, step, states)
        halves.append(outputs[:, moments] if layer.attributes.get("return_sequences") else outputs[:, -1])
    return np.concatenate(halves, axis=-1)


def _one_way(layer: Layer, way: str) -> Layer:
    """The `way` half of a Bidirectional as a layer of its own."""
    prefix = f"{way}_"
    attributes = {key.removeprefix(prefix): value for key, value in layer.attributes.items()}
    weights = {key.removeprefix(prefix): weight for key, weight in layer.weights.items() if key.startswith(prefix)}
    kind = str(layer.attributes[f"{prefix}class_name"]).removeprefix("Q")
    return replace(layer, kind=kind, attributes=attributes | {"direction": "forward"}, weights=weights)


def _over_time(layer: Layer, operands: Sequence[Operand], result: Tensor, step: _Step, states: int) -> Integers:
    data = operands[0]
    if layer.kind == "LSTM" and not data.type == result.type == accumulator_type(layer):
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's LSTM compiles only where input ({data.type}), result ({result.type}) "
            f"and accumulator ({accumulator_type(layer)}) are one type"
        )
    _check(layer, data, result)
    outputs = _outputs(layer, data, result.shape[-1], result.type, step, states)
    return outputs if layer.attributes.get("return_sequences") else outputs[:, -1]


def _outputs(layer: Layer, data: Operand, size: int, kind: FixedType, step: _Step, states: int) -> Integers:
    """The output after every moment, (N, steps, size)."""
    state = (np.zeros((len(data.raw), size), np.int64),) * states
    outputs = []
    for moment in range(data.raw.shape[1]):
        state = step(layer, Operand(data.raw[:, moment], data.type), state, kind)
        outputs.append(state[0])
    return np.stack(outputs, axis=1)


def _check(layer: Layer, data: Operand, result: Tensor) -> None:
    flags = ("pass_initial_states", "return_state", "time_major")
    asked = [flag for flag in flags if layer.attributes.get(flag)]
    if not layer.attributes.get("static", True):
        asked.append("static = False")
    if layer.attributes.get("direction", "forward") != "forward":
        asked.append("direction backward")
    if asked:
        raise NotImplementedError(f"layer {layer.name}: {layer.kind} with {', '.join(asked)} is not simulated exactly")
    accumulator = accumulator_type(layer)
    check_plain_product(layer, data.type, layer.weights["weight"].type)
    check_plain_product(layer, data.type, layer.weights["recurrent_weight"].type)
    check_plain_product(layer, result.type, layer.weights["recurrent_weight"].type)
    if 2 * accumulator.width > 60 or accumulator.width + result.type.width > 60 or accumulator.integer > 20:
        raise NotImplementedError(
            f"layer {layer.name}: {layer.kind} with accumulator {accumulator} is not simulated exactly: use at most "
            "30 bits, 20 of them integer"
        )


def _gates(layer: Layer, data: Operand, prefix: str = "") -> Integers:
    weight, bias = layer.weights[f"{prefix}weight"], layer.weights[f"{prefix}bias"]
    return sums_of_products(layer, data, weight, bias, accumulator_type(layer))


def _activated(layer: Layer, name: str, values: Integers, kind: FixedType) -> Integers:
    """The layer's `activation` or `recurrent_activation` from values of type `kind` to the accumulator's."""
    function = str(layer.attributes[name])
    if function not in ("sigmoid", "tanh", "relu"):
        raise NotImplementedError(f"layer {layer.name}: hls4ml's {layer.kind} has no {function} for its {name}")
    accumulator = accumulator_type(layer)
    tensor = Tensor(layer.name, values.shape[1:], accumulator)
    named = replace(layer, attributes={**layer.attributes, "activation": function})
    return activation(named, [Operand(values, kind)], tensor)


def _lstm_step(layer: Layer, data: Operand, state: tuple[Integers, ...], kind: FixedType) -> tuple[Integers, ...]:
    output, memory = state
    size, accumulator = output.shape[-1], accumulator_type(layer)
    sums = accumulator.overflowed(_gates(layer, data) + _gates(layer, Operand(output, kind), "recurrent_"))
    in_gate, forget_gate, candidate, out_gate = (sums[:, gate * size : (gate + 1) * size] for gate in range(4))
    in_gate, forget_gate, out_gate = (
        _activated(layer, "recurrent_activation", gate, accumulator) for gate in (in_gate, forget_gate, out_gate)
    )
    candidate = _activated(layer, "activation", candidate, accumulator)
    memory = _mixed(candidate * in_gate, 2 * accumulator.fraction, memory * forget_gate, accumulator, kind)
    active = _activated(layer, "activation", memory, kind)
    return kind.cast(out_gate * active, 2 * accumulator.fraction), memory


def _gru_step(layer: Layer, data: Operand, state: tuple[Integers, ...], kind: FixedType) -> tuple[Integers, ...]:
    (output,) = state
    size, accumulator = output.shape[-1], accumulator_type(layer)
    new, old = _gates(layer, data), _gates(layer, Operand(output, kind), "recurrent_")
    sums = accumulator.overflowed(new[:, : 2 * size] + old[:, : 2 * size])
    first, second = np.split(_activated(layer, "recurrent_activation", sums, accumulator), 2, axis=1)
    update, reset = (second, first) if layer.attributes.get("pytorch") else (first, second)
    past = accumulator.cast(reset * old[:, 2 * size :], 2 * accumulator.fraction)
    candidate = _activated(layer, "activation", accumulator.overflowed(new[:, 2 * size :] + past), accumulator)
    one = 1 << max(0, accumulator.fraction)
    return (_mixed(candidate * (one - update), 2 * accumulator.fraction, output * update, accumulator, kind),)


def _mixed(first: Integers, fraction: int, second: Integers, accumulator: FixedType, kind: FixedType) -> Integers:
    """The sum of a product of accumulators and a product of a state and an accumulator, rounded once."""
    other = kind.fraction + accumulator.fraction
    common = max(fraction, other)
    return kind.cast((first << (common - fraction)) + (second << (common - other)), common)
