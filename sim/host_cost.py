"""What the host adds to the fabric's cycles, driven from Python on the board."""

from __future__ import annotations

from math import ceil

from weft.boards import Board
from weft.hls.design import Design

_FLOAT_BYTES = 4  # what programs hold; the copy converts


def copy_us(design: Design, board: Board) -> float:
    """Microseconds in which one sample's inputs and outputs, as float32, are copied to and from DMA buffers."""
    return _values(design) * _FLOAT_BYTES / board.host.copy_bytes_per_s * 1e6


def register_loop_us(design: Design, board: Board) -> float:
    """Microseconds of one sample through a top with AXI-Lite registers, 32 bits of values a word, from Python.

    That is hls4ml's `axi_lite` interface; converting values one by one in Python comes on top.
    """
    tensors = [design.tensors[name] for name in (*design.inputs, *design.outputs)]
    words = sum(ceil(tensor.size * tensor.type.storage.itemsize / 4) for tensor in tensors)
    return words * board.link.register_us


def _values(design: Design) -> int:
    return sum(design.tensors[name].size for name in (*design.inputs, *design.outputs))
