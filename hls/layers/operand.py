"""What every layer's NumPy meaning takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from weft.hls.design import Layer, Tensor
from weft.hls.precision import FixedType, Integers


class Operand(NamedTuple):
    """A batch of values on their way into a layer: raw integers of shape (N, *tensor.shape) and their type."""

    raw: Integers
    type: FixedType


#: layer, its inputs, and the tensor it fills -> raw integers of shape (N, *result.shape)
Meaning = Callable[[Layer, Sequence[Operand], Tensor], Integers]
