"""The HLS tool whose schedule an estimate follows: `vivado-YEAR.N` or `vitis-YEAR.N`."""

from __future__ import annotations

import re

from weft.boards.errors import InputError

#: The tool whose reports the rules follow unless told otherwise.
NEWEST_TOOL = "vitis-2024.1"


def checked_tool(tool: str) -> str:
    """`tool`, if it is one. Raises InputError unless it is vivado-YEAR.N or vitis-YEAR.N."""
    if not re.fullmatch(r"(vivado|vitis)-20\d\d\.\d", tool):
        raise InputError(f"tool {tool!r} is none: write vitis-2023.2 or vivado-2020.1, the HLS tool and its version")
    return tool


def is_vitis(tool: str) -> bool:
    """Whether a tool schedules as Vitis HLS does, which replaced Vivado HLS from 2020.2 on."""
    return tool.startswith("vitis")


def is_before(tool: str, year: int) -> bool:
    """Whether a tool is a Vivado HLS of a year before `year`."""
    return not is_vitis(tool) and tool < f"vivado-{year}"
