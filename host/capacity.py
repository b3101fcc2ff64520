"""Whether weights could lie in a board's fabric at all, told before anything is lowered."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from weft.boards import Board

# Bits that one primitive holds: UG473 (block RAM of 18 Kb), UG573 (UltraRAM of 288 Kb), UG474 (a LUT as 64 x 1 RAM).
_BLOCK_BITS, _ULTRA_BITS, _LUT_BITS = 18 << 10, 288 << 10, 64
_WEIGHTS = frozenset({ir.DataType.INT4, ir.DataType.UINT4, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16})


def most_weight_bits(board: Board) -> int:
    """Bits that the whole usable fabric could hold."""
    usable = board.usable_resources
    return usable.bram18 * _BLOCK_BITS + usable.uram * _ULTRA_BITS + usable.lut * _LUT_BITS


def weight_bits(nodes: Iterable[ir.Node]) -> int:
    """Bits of the quantised weights that nodes read, at least: of weights whose type is not the network's own, none."""
    found = {
        value: value.const_value.size * value.const_value.dtype.bitwidth
        for node in nodes
        for value in node.inputs
        if value is not None and value.const_value is not None and _is_weight(value.const_value)
    }
    return sum(found.values())


def _is_weight(constant: ir.TensorProtocol) -> bool:
    return constant.dtype in _WEIGHTS and len(constant.shape) > 1  # scales' zero points have one axis or none
