"""MEASURE: cycles, fabric and energy without a board, and a board that is none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: the submodule has the function's name, so the function must take the name over once and for all.
from weft.sim.estimate import estimate
from weft.sim.report import LayerReport, Range, Report

if TYPE_CHECKING:
    from weft.sim.virtual_board import VirtualBoard

__all__ = ["LayerReport", "Range", "Report", "VirtualBoard", "estimate"]

_LAZY = {"VirtualBoard": "weft.sim.virtual_board"}  # needs grpcio, which the core does without


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
