"""FPGA fabric as five counts that add up and compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Resources:
    """Counts of FPGA primitives; `bram18` counts 18 Kb block RAMs, `uram` 288 Kb UltraRAMs."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, copies: int) -> Resources:
        return Resources(*(getattr(self, f.name) * copies for f in fields(self)))

    def most(self, other: Resources) -> Resources:
        """The larger count of each."""
        return Resources(*(max(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)
