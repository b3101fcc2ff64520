"""Energy of one inference.

Assumptions, so that a reader can judge the figure: static power is drawn for the whole latency; dynamic power is the
board's figure for all usable fabric toggling at its default clock, scaled by the clock, by the share of usable LUT, FF,
DSP and BRAM that a layer takes (the mean of the four), and by the time the layer is busy. DDR, the processor and the
data's own toggling are not modelled: expect the right order of magnitude, not the right digit.
"""

from __future__ import annotations

from weft.boards import Board
from weft.boards.resources import Resources

#: The same in one line, for tables.
ASSUMPTIONS = "static power over one latency, fabric toggling as it works; no DDR or CPU"

_COUNTED = ("lut", "ff", "dsp", "bram18")


def dynamic_uj(resources: Resources, busy_cycles: int, clock_ns: float, board: Board) -> float:
    """Microjoules that fabric of this size spends while busy for that many cycles of `clock_ns`."""
    used, usable = resources.as_dict(), board.usable_resources.as_dict()
    share = sum(used[name] / usable[name] for name in _COUNTED if usable[name]) / len(_COUNTED)
    watts = board.power.dynamic_w_full * share * board.clock.period_ns / clock_ns
    return watts * busy_cycles * clock_ns / 1000


def static_uj(latency_cycles: int, clock_ns: float, board: Board) -> float:
    """Microjoules of static power during one latency."""
    return board.power.static_w * latency_cycles * clock_ns / 1000
