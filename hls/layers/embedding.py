"""Embedding (nnet_utils/nnet_embed.h): a row of a table for every index."""

from __future__ import annotations

from collections.abc import Sequence

from weft.boards.errors import InputError
from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def embedding(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """Raises InputError for an index outside the vocabulary, where the kernel reads memory that is not its own."""
    (data,) = operands
    if data.type.fraction != 0:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's Embedding compiles for integer indices only, and these are {data.type}: "
            "give them an integer type"
        )
    table = layer.weights["embeddings"]
    rows = table.raw.reshape(-1, result.shape[-1])
    if data.raw.size and not 0 <= data.raw.min() <= data.raw.max() < len(rows):
        raise InputError(f"layer {layer.name}: an index lies outside 0 to {len(rows) - 1}: give indices of the table")
    return result.type.cast(rows[data.raw], table.type.fraction).reshape(-1, *result.shape)
