"""Activations without tables: linear, relu, leaky_relu, thresholded_relu, prelu (nnet_utils/nnet_activation.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.layers.quantised_tanh import binary_tanh, ternary_tanh
from weft.hls.layers.selu import selu
from weft.hls.layers.table import table_activation
from weft.hls.precision import FixedType, Integers, exactly

_OTHERS = {"binary_tanh": binary_tanh, "selu": selu, "ternary_tanh": ternary_tanh}


def activation(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """`Activation`: one of hls4ml's parameterless activations, by name."""
    (data,) = operands
    name = str(layer.attributes["activation"]).lower()
    if name == "linear":
        return result.type.cast(data.raw, data.type.fraction)
    if name == "relu":
        return result.type.cast(np.maximum(data.raw, 0), data.type.fraction)
    if name in _OTHERS:
        return _OTHERS[name](layer, data, result)
    return table_activation(layer, name, data, result)


def parametrized_activation(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """`ParametrizedActivation`: leaky_relu, thresholded_relu or elu, with one parameter."""
    (data,) = operands
    name = str(layer.attributes["activation"]).lower().replace("_", "")
    kind = layer.attributes["param_t"]
    assert isinstance(kind, FixedType)
    value = layer.attributes["activ_param"]
    assert isinstance(value, (int, float))
    # hls4ml prints the parameter as a C++ double literal, which the parameter's type then rounds.
    parameter = int(kind.quantise(np.array(float(value))))
    if name == "leakyrelu":
        return _scaled_below_zero(data, np.int64(parameter), kind, result)
    if name == "thresholdedrelu":
        low = min(data.type.fraction, kind.fraction)
        raw = exactly(data.raw, data.type.width + 1 + kind.fraction - low)
        above = (raw << (kind.fraction - low)) > (parameter << (data.type.fraction - low))
        return result.type.cast(np.where(above, data.raw, 0), data.type.fraction)
    return table_activation(layer, name, data, result, (parameter, kind))


def prelu(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """`PReLU`: a slope for every value."""
    (data,) = operands
    slope = layer.weights["param"]
    return _scaled_below_zero(data, slope.raw.reshape(result.shape), slope.type, result)


def _scaled_below_zero(data: Operand, slope: Integers | np.int64, kind: FixedType, result: Tensor) -> Integers:
    positive = result.type.cast(data.raw, data.type.fraction)
    product = exactly(data.raw, data.type.width + kind.width + 1) * slope
    negative = result.type.cast(product, data.type.fraction + kind.fraction)
    return np.where(data.raw > 0, positive, negative)
