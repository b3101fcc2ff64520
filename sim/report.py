"""`Report`: what a design costs, per layer and in total. Plain data, JSON by schema `weft-report/1`
(docs/report-schema.json), and reports of regions that run one after another add up with `+`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from weft.boards.errors import InputError
from weft.boards.resources import Resources

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA = "weft-report/1"


@dataclass(frozen=True)
class Range:
    """Clock cycles, from the best case to the worst."""

    best: int
    worst: int

    def __post_init__(self) -> None:
        if not 0 <= self.best <= self.worst:
            raise InputError(f"a range of cycles from {self.best} to {self.worst} is not one: 0 <= best <= worst")

    def __add__(self, other: Range) -> Range:
        return Range(self.best + other.best, self.worst + other.worst)


@dataclass(frozen=True)
class LayerReport:
    """One row. `energy_uj` is the layer's dynamic energy per inference; static energy is in the total only."""

    name: str
    kind: str
    device: str
    reuse_factor: int
    latency_cycles: Range
    interval_cycles: Range
    resources: Resources
    energy_uj: float

    @staticmethod
    def from_json(data: dict[str, Any]) -> LayerReport:
        """The row that `asdict` wrote."""
        return LayerReport(
            name=str(data["name"]),
            kind=str(data["kind"]),
            device=str(data["device"]),
            reuse_factor=int(data["reuse_factor"]),
            latency_cycles=Range(**data["latency_cycles"]),
            interval_cycles=Range(**data["interval_cycles"]),
            resources=Resources(**data["resources"]),
            energy_uj=float(data["energy_uj"]),
        )


@dataclass(frozen=True)
class Report:
    """Latency, interval, fabric and energy of one inference. Cycles are of a clock of `clock_ns` nanoseconds.

    `available` is all of the board's fabric, `usable` the part that still meets timing. Microseconds and inferences
    per second are of the worst case.
    """

    board: str
    clock_ns: float
    layers: tuple[LayerReport, ...]
    latency_cycles: Range
    interval_cycles: Range
    resources: Resources
    available: Resources
    usable: Resources
    energy_uj: float
    corrected_by: str = ""  # whose reports corrected the layers, in words; "" where none did

    @property
    def latency_us(self) -> float:
        """Microseconds from the first input value to the last output value of one sample, worst case."""
        return self.latency_cycles.worst * self.clock_ns / 1000

    @property
    def inferences_per_s(self) -> float:
        """Samples a second when they arrive back to back, worst case."""
        return 1e9 / (max(1, self.interval_cycles.worst) * self.clock_ns)

    @property
    def utilisation(self) -> dict[str, float]:
        """Fraction of all of the board's fabric, by resource; infinite where the board has none of what is used."""
        return _fractions(self.resources, self.available)

    @property
    def fits(self) -> bool:
        """Whether every resource is within the usable part of the board."""
        return all(fraction <= 1 for fraction in _fractions(self.resources, self.usable).values())

    def misfit(self) -> str:
        """One sentence: which resource is short, by how much, and which layer takes most of it; "" if it fits."""
        if self.fits:
            return ""
        shares = _fractions(self.resources, self.usable)
        name = max(shares, key=lambda key: shares[key])
        used, usable = self.resources.as_dict()[name], self.usable.as_dict()[name]
        largest = max(self.layers, key=lambda row: row.resources.as_dict()[name])
        return (
            f"the design needs {used:,} {name.upper()} and {self.board} has {usable:,} usable, {used - usable:,} too "
            f"few; layer {largest.name} ({largest.kind}, reuse factor {largest.reuse_factor}) takes most, "
            f"{largest.resources.as_dict()[name]:,}: raise its reuse factor or narrow its types"
        )

    def __add__(self, other: Report) -> Report:
        """One region, then `other`, both resident on one board and driven in turn: everything adds."""
        if (self.board, self.clock_ns) != (other.board, other.clock_ns):
            raise InputError(
                f"reports of {self.board} at {self.clock_ns} ns and {other.board} at {other.clock_ns} ns "
                "do not add: estimate both for one board and clock"
            )
        return Report(
            self.board,
            self.clock_ns,
            self.layers + other.layers,
            self.latency_cycles + other.latency_cycles,
            self.interval_cycles + other.interval_cycles,
            self.resources + other.resources,
            self.available,
            self.usable,
            self.energy_uj + other.energy_uj,
            self.corrected_by or other.corrected_by,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data by docs/report-schema.json; a utilisation that is infinite is null."""
        utilisation = {name: None if share == float("inf") else share for name, share in self.utilisation.items()}
        derived = {"latency_us": self.latency_us, "inferences_per_s": self.inferences_per_s}
        judged = {"utilisation": utilisation, "fits": self.fits}
        return {"schema": SCHEMA, **asdict(self), "layers": [asdict(row) for row in self.layers], **derived, **judged}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Report:
        """Read what `to_json` gave. Raises InputError if it is not that."""
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise InputError(f"this is not a report of schema {SCHEMA}: make it with `weft simulate --json`")
        try:
            return Report(
                board=str(data["board"]),
                clock_ns=float(data["clock_ns"]),
                layers=tuple(LayerReport.from_json(row) for row in data["layers"]),
                latency_cycles=Range(**data["latency_cycles"]),
                interval_cycles=Range(**data["interval_cycles"]),
                resources=Resources(**data["resources"]),
                available=Resources(**data["available"]),
                usable=Resources(**data["usable"]),
                energy_uj=float(data["energy_uj"]),
                corrected_by=str(data.get("corrected_by", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the report of schema {SCHEMA} is damaged at {error}: make it again") from None

    def table(self) -> Table:
        """The report as a rich table: a row a layer, then the total and its share of the board; worst-case cycles."""
        from rich.box import SIMPLE
        from rich.table import Table

        fits = "fits" if self.fits else "does not fit"
        title = f"{self.board} at {1000 / self.clock_ns:.4g} MHz: {fits}"
        caption = self.corrected_by or None
        table = Table(title=title, caption=caption, box=SIMPLE, pad_edge=False, collapse_padding=True)
        table.add_column("layer", overflow="fold", min_width=12)
        names = [name for name in self.available.as_dict() if name != "uram" or self.resources.uram]
        for heading in ("reuse", "latency", "interval", *(name.upper() for name in names), "uJ"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.layers:
            cells = [f"{row.reuse_factor:,}", f"{row.latency_cycles.worst:,}", f"{row.interval_cycles.worst:,}"]
            table.add_row(row.name, *cells, *_counts(row.resources, names), f"{row.energy_uj:.1f}")
        table.add_section()
        cells = ["", f"{self.latency_cycles.worst:,}", f"{self.interval_cycles.worst:,}"]
        table.add_row("total", *cells, *_counts(self.resources, names), f"{self.energy_uj:.1f}", style="bold")
        rate = ["", f"{self.latency_us:,.4g} us", f"{self.inferences_per_s:,.0f}/s"]
        shares = [f"{self.utilisation[name]:.1%}" if self.available.as_dict()[name] else "none" for name in names]
        table.add_row("of the board", *rate, *shares, "")
        return table


def _fractions(used: Resources, of: Resources) -> dict[str, float]:
    whole = of.as_dict()
    return {
        name: count / whole[name] if whole[name] else (float("inf") if count else 0.0)
        for name, count in used.as_dict().items()
    }


def _counts(resources: Resources, names: list[str]) -> list[str]:
    return [f"{resources.as_dict()[name]:,}" for name in names]
