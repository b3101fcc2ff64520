"""What a machine is: boards, their fabric, and the errors that every room shares.

>>> from weft.boards import load_board
>>> load_board("pynq-z2").usable_resources.dsp
176
"""

from weft.boards.board import Board
from weft.boards.errors import (
    ArtefactError,
    BoardError,
    DeviceError,
    DoesNotFitError,
    InputError,
    ModelError,
    ToolError,
    WeftError,
)
from weft.boards.loading import board_names, load_board
from weft.boards.resources import Resources

__all__ = [
    "ArtefactError",
    "Board",
    "BoardError",
    "DeviceError",
    "DoesNotFitError",
    "InputError",
    "ModelError",
    "Resources",
    "ToolError",
    "WeftError",
    "board_names",
    "load_board",
]
