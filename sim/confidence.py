"""How far the fabric that a report states may be from what the tool will say.

For each family of layers the ratios reported / estimated between which eight in ten published layers lie: the layers of
many authors' projects, whose weights mostly are not known (layers.csv, conv_stream.csv, mlp.csv; `make bench`,
2026-11-24). DSP and block RAM are within 2 on more than nine in ten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from weft.boards.resources import Resources

Ratios = tuple[float, float]

_DENSE: dict[str, Ratios] = {"lut": (0.64, 1.58), "ff": (0.85, 1.7)}
_WINDOW: dict[str, Ratios] = {"lut": (0.73, 1.41), "ff": (0.96, 1.13)}
_OTHER: dict[str, Ratios] = {"lut": (0.87, 1.19), "ff": (0.89, 1.22)}


class _Row(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def resources(self) -> Resources: ...


def fabric_range(rows: Iterable[_Row]) -> dict[str, tuple[int, int]]:
    """From how many to how many LUT and FF all rows take together, each at the ends of its family's eight in ten.

    Layers err in both directions, so the whole is more often within this range than a layer is within its own.
    """
    low, high = {"lut": 0.0, "ff": 0.0}, {"lut": 0.0, "ff": 0.0}
    for row in rows:
        for name, (least, most) in _ratios(row.kind).items():
            count = getattr(row.resources, name)
            low[name] += least * count
            high[name] += most * count
    return {name: (round(low[name]), round(high[name])) for name in low}


def _ratios(kind: str) -> dict[str, Ratios]:
    if "Conv" in kind or "Pooling" in kind:
        return _WINDOW
    return _DENSE if kind in ("Dense", "EinsumDense", "LSTM", "GRU", "Bidirectional") else _OTHER
