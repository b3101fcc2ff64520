"""MEASURE: cycles, fabric and energy without a board, and a board that is none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: the submodules have the functions' names, so the functions must take them over once and for all.
from weft.sim.estimate import estimate
from weft.sim.faults import Fault
from weft.sim.report import FifoReport, LayerReport, Range, Report
from weft.sim.simulate import simulate, smallest_fifos

if TYPE_CHECKING:
    from weft.sim.virtual_board import VirtualBoard

__all__ = [
    "Fault",
    "FifoReport",
    "LayerReport",
    "Range",
    "Report",
    "VirtualBoard",
    "estimate",
    "simulate",
    "smallest_fifos",
]

_LAZY = {"VirtualBoard": "weft.sim.virtual_board"}  # needs grpcio, which the core does without


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
