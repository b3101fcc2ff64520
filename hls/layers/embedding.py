"""Embedding (nnet_utils/nnet_embed.h): a row of a table for every index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.boards.errors import InputError
from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def embedding(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The kernel multiplies an index by a row's length before it cuts what is no integer of it off, so that an index
    of one half begins in the middle of a row.

    Raises InputError for an index outside the vocabulary, where the kernel reads memory that is not its own.
    """
    (data,) = operands
    table, size = layer.weights["embeddings"], result.shape[-1]
    first = data.raw * size
    fraction = data.type.fraction
    first = first >> fraction if fraction >= 0 else first << -fraction
    if data.raw.size and not 0 <= first.min() <= first.max() <= table.raw.size - size:
        rows = table.raw.size // size
        raise InputError(f"layer {layer.name}: an index lies outside 0 to {rows - 1}: give indices of the table")
    values = table.raw.ravel()[first[..., None] + np.arange(size)]
    return result.type.cast(values, table.type.fraction).reshape(-1, *result.shape)
