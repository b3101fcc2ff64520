"""UnaryLUT (nnet_utils/nnet_activation.h, unary_lut): a table with an entry for every value of its argument, as HGQ2
and hls4ml's own bit-exact flow make them."""

from __future__ import annotations

from collections.abc import Sequence

from weft.hls.design import Layer, Tensor
from weft.hls.layers.operand import Operand
from weft.hls.precision import Integers


def unary_lut(layer: Layer, operands: Sequence[Operand], result: Tensor) -> Integers:
    """The table is indexed by the argument's bits, read as an unsigned number."""
    (data,) = operands
    table = layer.weights["table"]
    if data.type.width > 32 or len(table.raw) < 1 << data.type.width:
        raise NotImplementedError(
            f"layer {layer.name}: a table of {len(table.raw)} entries has none for some values of {data.type}, and "
            "hls4ml's result is undefined: give it an entry for every value"
        )
    index = data.raw & ((1 << data.type.width) - 1)
    return result.type.cast(table.raw[index], table.type.fraction).reshape(-1, *result.shape)
