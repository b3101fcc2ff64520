"""The range of LUT and FF that published layers suggest."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.sim.confidence import fabric_range
from weft.sim.report import LayerReport, Range


def row(kind: str, lut: int, ff: int) -> LayerReport:
    return LayerReport("a", kind, "fpga", 1, Range(1, 1), Range(1, 1), Resources(lut=lut, ff=ff), 0.0)


def test_each_family_has_a_range_of_its_own_and_they_add() -> None:
    assert fabric_range([row("Dense", 1000, 1000)]) == {"lut": (640, 1580), "ff": (850, 1700)}
    assert fabric_range([row("Conv2D", 1000, 1000), row("Softmax", 100, 100)]) == {
        "lut": (817, 1529),
        "ff": (1049, 1252),
    }
    assert fabric_range([]) == {"lut": (0, 0), "ff": (0, 0)}
