"""FixedPointQuantizer (HGQ2's heterogeneous quantisation): every value has a fixed-point type of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType, Integers, Overflow, Rounding, exactly


def fixed_point_quantizer(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Each value cast to its own type and then to the result's; a type of no bits gives 0."""
    (data,) = operands
    flat = Operand(data.raw.reshape(len(data.raw), -1), data.type)
    return result.type.cast(*quantised(layer, flat, layer.weights["quantiser"].raw)).reshape(-1, *result.shape)


def quantised(layer: Layer, rows: Operand, types: Integers) -> tuple[NDArray[Any], int]:
    """`rows` (M, n) cast to `types` (n, 3: signed, width, integer bits) by the modes that the layer's attributes
    `quantiser_rounding` and `quantiser_overflow` name, and the fraction bits of that."""
    rounding, overflow = layer.attributes["quantiser_rounding"], layer.attributes["quantiser_overflow"]
    assert rounding in get_args(Rounding)
    assert overflow in get_args(Overflow)
    unlike, which = np.unique(types, axis=0, return_inverse=True)
    kinds = [
        FixedType(int(width), int(integer), bool(signed), rounding, overflow) if width > 0 else None  # type: ignore[arg-type]  # checked above
        for signed, width, integer in unlike
    ]
    common = max((kind.fraction for kind in kinds if kind), default=0)
    bits = 1 + max((kind.width + common - kind.fraction for kind in kinds if kind), default=1)
    out = exactly(np.zeros(rows.raw.shape, np.int64), bits)
    for index, kind in enumerate(kinds):
        columns = which.ravel() == index
        if kind:
            cast = kind.cast(rows.raw[:, columns], rows.type.fraction)
            out[:, columns] = exactly(cast, bits) << (common - kind.fraction)
    return out, common
