"""What the host adds to the fabric's cycles, driven from Python on the board."""

from __future__ import annotations

from weft.boards import Board
from weft.hls.design import Design, Tensor

_FLOAT_BYTES = 4  # what programs hold; the copy converts


def copy_us(design: Design, board: Board) -> float:
    """Microseconds in which one sample's inputs and outputs, as float32, are copied to and from DMA buffers."""
    return sum(tensor_copy_us(design.tensors[name], board) for name in (*design.inputs, *design.outputs))


def tensor_copy_us(tensor: Tensor, board: Board) -> float:
    """Microseconds in which one sample of a design's input or output is brought into the order and type of its stream,
    or back."""
    return tensor.size * _FLOAT_BYTES / board.host.copy_bytes_per_s * 1e6
