"""LSTM, GRU and Bidirectional (nnet_utils/nnet_recurrent.h): gates are summed and activated in the accumulator's type,
states kept in the result's. `static` changes nothing in what the C++ computes, only what compiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import kernel_order, sums_of_products
from weft.hls.layers.activation import activation
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly

_Step = Callable[[Layer, Operand, tuple[Integers, ...], FixedType], tuple[Integers, ...]]


def lstm(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Long short-term memory, gates in Keras's order i, f, c, o."""
    return _over_time(layer, operands, result, _lstm_step, 2)


def gru(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Gated recurrent unit; hls4ml's kernel applies the reset gate after the recurrent product, whatever the network
    asked for."""
    if layer.attributes.get("apply_reset_gate", "after") != "after":
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's GRU applies its reset gate after the product only: train it with reset_after"
        )
    return _over_time(layer, operands, result, _gru_step, 1)


def bidirectional(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Two LSTMs or GRUs side by side, the second from the end of the sequence to its beginning."""
    (data,) = operands
    halves = []
    for way, moments in (("forward", slice(None)), ("backward", slice(None, None, -1))):
        half = _one_way(layer, way)
        step, states = (_lstm_step, 2) if half.kind == "LSTM" else (_gru_step, 1)
        _check(half)
        if half.kind == "LSTM" and not layer.attributes.get("static", True):
            _check_types(half, operands, result)
        zeros = np.zeros((len(data.raw), half.weights["recurrent_weight"].raw.shape[0]), np.int64)
        outputs = _outputs(half, Operand(data.raw[:, moments], data.type), (zeros,) * states, result.type, step)
        halves.append(outputs[:, moments] if layer.attributes.get("return_sequences") else outputs[:, -1])
    joined: Integers = np.concatenate(halves, axis=-1)
    if layer.attributes.get("merge_mode", "concat") != "concat" or joined.shape[1:] != result.shape:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's Bidirectional concatenates only, whatever its merge mode: use concat"
        )
    return joined


def _one_way(layer: Layer, way: str) -> Layer:
    """The `way` half of a Bidirectional as a layer of its own."""
    prefix = f"{way}_"
    attributes = {key.removeprefix(prefix): value for key, value in layer.attributes.items()}
    weights = {key.removeprefix(prefix): weight for key, weight in layer.weights.items() if key.startswith(prefix)}
    kind = str(layer.attributes[f"{prefix}class_name"]).removeprefix("Q")
    return replace(layer, kind=kind, attributes=attributes | {"direction": "forward"}, weights=weights)


def _over_time(layer: Layer, operands: Sequence[Operand], result: Tensor, step: _Step, states: int) -> Integers:
    data, *given = operands
    _check(layer)
    _check_types(layer, operands, result)
    size = result.shape[-1]
    state = tuple(operand.raw for operand in given) or (np.zeros((len(data.raw), size), np.int64),) * states
    outputs = _outputs(layer, data, state, result.type, step)
    return outputs if layer.attributes.get("return_sequences") else outputs[:, -1]


def _outputs(layer: Layer, data: Operand, state: tuple[Integers, ...], kind: FixedType, step: _Step) -> Integers:
    """The output after every moment, (N, steps, size)."""
    outputs = []
    for moment in range(data.raw.shape[1]):
        state = step(layer, Operand(data.raw[:, moment], data.type), state, kind)
        outputs.append(state[0])
    return np.stack(outputs, axis=1)


def _check(layer: Layer) -> None:
    """Refuse what hls4ml's kernels do not do, though hls4ml takes it."""
    reasons = {
        "return_state": "never writes the states it returns: use the output of its last step",
        "time_major": "takes time as the axis before the features: put the batch first",
    }
    found = [reason for flag, reason in reasons.items() if layer.attributes.get(flag)]
    if layer.attributes.get("direction", "forward") != "forward":
        found.append("runs forward only, whatever its direction: reverse the sequence before it")
    if found:
        raise NotImplementedError(f"layer {layer.name}: hls4ml's {layer.kind} {found[0]}")


def _check_types(layer: Layer, operands: Sequence[Operand], result: Tensor) -> None:
    """Refuse the types for which nnet_recurrent.h does not compile."""
    types = {"result": result.type}
    if layer.kind == "LSTM":
        types |= {"input": operands[0].type, "accumulator": accumulator_type(layer)}
    types |= {f"initial state {number}": operand.type for number, operand in enumerate(operands[1:])}
    pairs = [types]
    if len(operands) > 1:
        if layer.attributes["io"] == "io_stream":
            raise NotImplementedError(
                f"layer {layer.name}: hls4ml's {layer.kind} takes initial states in io_parallel only: use it"
            )
        pairs += [{key: layer.weights[key].type for key in (name, f"recurrent_{name}")} for name in ("weight", "bias")]
    for group in pairs:
        if len(set(group.values())) > 1:
            said = ", ".join(f"{name} {kind}" for name, kind in group.items())
            raise NotImplementedError(
                f"layer {layer.name}: hls4ml's {layer.kind} compiles only where these are one type: {said}"
            )


def _gates(layer: Layer, data: Operand, prefix: str = "") -> Integers:
    weight, bias = layer.weights[f"{prefix}weight"], layer.weights[f"{prefix}bias"]
    reuse_factor = layer.attributes["recurrent_reuse_factor"] if prefix else layer.reuse_factor
    assert isinstance(reuse_factor, int)
    order = kernel_order(layer, len(weight.raw), reuse_factor)
    return sums_of_products(data, weight, bias, accumulator_type(layer), order)


def _activated(layer: Layer, name: str, values: Integers, kind: FixedType) -> Integers:
    """The layer's `activation` or `recurrent_activation` from values of type `kind` to the accumulator's."""
    function = str(layer.attributes[name])
    if function not in ("sigmoid", "tanh", "relu"):  # the classes of nnet_recr_activations.h
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's {layer.kind} has no {function} for its {name}: use sigmoid, tanh or relu"
        )
    accumulator = accumulator_type(layer)
    tensor = Tensor(layer.name, values.shape[1:], accumulator)
    named = replace(layer, attributes={**layer.attributes, "activation": function})
    return activation(named, [Operand(values, kind)], tensor)


def _lstm_step(layer: Layer, data: Operand, state: tuple[Integers, ...], kind: FixedType) -> tuple[Integers, ...]:
    output, memory = state
    size, accumulator = output.shape[-1], accumulator_type(layer)
    sums = _sum(_gates(layer, data), _gates(layer, Operand(output, kind), "recurrent_"), accumulator)
    in_gate, forget_gate, candidate, out_gate = (sums[:, gate * size : (gate + 1) * size] for gate in range(4))
    in_gate, forget_gate, out_gate = (
        _activated(layer, "recurrent_activation", gate, accumulator) for gate in (in_gate, forget_gate, out_gate)
    )
    candidate = _activated(layer, "activation", candidate, accumulator)
    bits = accumulator.width + max(accumulator.width, kind.width) + 1
    new = exactly(candidate, bits) * in_gate, 2 * accumulator.fraction
    kept = exactly(memory, bits) * forget_gate, kind.fraction + accumulator.fraction
    memory = _mixed(new, kept, bits, kind)
    active = _activated(layer, "activation", memory, kind)
    return kind.cast(exactly(out_gate, bits) * active, 2 * accumulator.fraction), memory


def _gru_step(layer: Layer, data: Operand, state: tuple[Integers, ...], kind: FixedType) -> tuple[Integers, ...]:
    (output,) = state
    size, accumulator = output.shape[-1], accumulator_type(layer)
    new, old = _gates(layer, data), _gates(layer, Operand(output, kind), "recurrent_")
    sums = _sum(new[:, : 2 * size], old[:, : 2 * size], accumulator)
    first, second = np.split(_activated(layer, "recurrent_activation", sums, accumulator), 2, axis=1)
    update, reset = (second, first) if layer.attributes.get("pytorch") else (first, second)
    past = accumulator.cast(exactly(reset, 2 * accumulator.width) * old[:, 2 * size :], 2 * accumulator.fraction)
    candidate = _activated(layer, "activation", _sum(new[:, 2 * size :], past, accumulator), accumulator)
    whole = max(0, accumulator.fraction)  # one minus the gate, where the gate's steps may be above one
    bits = 3 + accumulator.width + max(accumulator.width + whole - accumulator.fraction, whole, kind.width)
    rest = (1 << whole) - (exactly(update, bits) << (whole - accumulator.fraction))
    fresh = exactly(candidate, bits) * rest, accumulator.fraction + whole
    kept = exactly(output, bits) * update, kind.fraction + accumulator.fraction
    return (_mixed(fresh, kept, bits, kind),)


def _sum(first: Integers, second: Integers, accumulator: FixedType) -> Integers:
    return accumulator.overflowed(exactly(first, accumulator.width + 1) + second)


def _mixed(first: tuple[NDArray[Any], int], second: tuple[NDArray[Any], int], bits: int, kind: FixedType) -> Integers:
    """The sum of two products of at most `bits` bits, each with its fraction bits, rounded once."""
    common = max(first[1], second[1])
    bits += 1 + common - min(first[1], second[1])
    left, right = (exactly(raw, bits) << (common - fraction) for raw, fraction in (first, second))
    return kind.cast(left + right, common)
