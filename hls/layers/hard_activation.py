"""HardActivation: hard_sigmoid and hard_tanh (nnet_utils/nnet_activation.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, exactly


def hard_activation(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """hard_sigmoid = clip(slope * x + shift, 0, 1) without rounding, hard_tanh = 2 * hard_sigmoid - 1."""
    (data,) = operands
    slope, slope_type = _constant(layer, "slope")
    shift, shift_type = _constant(layer, "shift")
    fraction = data.type.fraction + slope_type.fraction
    common = max(fraction, shift_type.fraction, 0)
    bits = 3 + max(
        data.type.width + slope_type.width + common - fraction,
        shift_type.width + common - shift_type.fraction,
        common,
    )
    line = ((exactly(data.raw, bits) * slope) << (common - fraction)) + (shift << (common - shift_type.fraction))
    sigmoid = np.clip(line, 0, 1 << common)
    name = str(layer.attributes["activation"]).lower()
    if name == "hard_sigmoid":
        return result.type.cast(sigmoid, common)
    if name == "hard_tanh":
        return result.type.cast(2 * sigmoid - (1 << common), common)
    raise NotImplementedError(f"layer {layer.name}: hls4ml has no {name}: use hard_sigmoid or hard_tanh")


def _constant(layer: Layer, name: str) -> tuple[int, FixedType]:
    kind, value = layer.attributes[f"{name}_t"], layer.attributes[name]
    assert isinstance(kind, FixedType)
    assert isinstance(value, (int, float))
    return int(kind.quantise(np.array(float(value)))), kind
