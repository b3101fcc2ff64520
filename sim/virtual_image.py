"""What stands in for a bitstream: an image for the virtual board, and the description that pynq reads beside it."""

from __future__ import annotations

from collections.abc import Sequence

from weft.boards import Board
from weft.hls.block_design import shared_clock_ns
from weft.hls.design import Design
from weft.sim.hwh import write_hwh
from weft.sim.image import pack


def virtual_image(designs: Sequence[Design], board: Board) -> tuple[bytes, str]:
    """The .bin and the .hwh of designs in one bitstream. Raises InputError for designs that cannot share one."""
    clock_ns = shared_clock_ns(designs)
    return pack(designs, board.name, clock_ns), write_hwh(designs, board, clock_ns)
