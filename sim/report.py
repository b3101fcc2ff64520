"""`Report`: what a design costs, per layer and in total. Plain data, JSON by schema `weft-report/2`
(docs/report-schema.json), and reports of regions that run one after another add up with `+`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.sim.confidence import fabric_range
from weft.sim.timeline import Event

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA = "weft-report/2"


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

    def slower(self, other: Range) -> Range:
        """The larger of both, at either end: what two stages of a pipeline take."""
        return Range(max(self.best, other.best), max(self.worst, other.worst))


@dataclass(frozen=True)
class LayerReport:
    """One row. `energy_uj` is the layer's dynamic energy per inference; static energy is in the total only.

    `starved_cycles` and `blocked_cycles`, of a simulated run as a whole: standing still for want of input, of room.
    """

    name: str
    kind: str
    device: str
    reuse_factor: int
    latency_cycles: Range
    interval_cycles: Range
    resources: Resources
    energy_uj: float
    starved_cycles: int = 0
    blocked_cycles: int = 0

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
            starved_cycles=int(data["starved_cycles"]),
            blocked_cycles=int(data["blocked_cycles"]),
        )


@dataclass(frozen=True)
class FifoReport:
    """A stream of a simulated run: `depth` elements of `bits` bits, the most and the mean that it held."""

    name: str
    depth: int
    bits: int
    largest: int
    mean: float

    @staticmethod
    def from_json(data: dict[str, Any]) -> FifoReport:
        """The row that `asdict` wrote."""
        whole = {name: int(data[name]) for name in ("depth", "bits", "largest")}
        return FifoReport(name=str(data["name"]), mean=float(data["mean"]), **whole)


@dataclass(frozen=True)
class Report:
    """Latency, interval, fabric and energy of one inference. Cycles are of a clock of `clock_ns` nanoseconds.

    `available` is all of the board's fabric, `usable` the part that still meets timing. Microseconds and inferences
    per second are of the worst case. `launch_us` is what the host takes to start one batch from Python, `copy_us` to
    copy one sample into and out of DMA buffers.

    `samples` is how many a simulation timed (1: an estimate); `fifos`, `events` (for `sim.timeline.write_trace`) and
    `outputs` (raw integers, (N, *shape) each, where inputs were given) are of a simulation only.
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
    launch_us: float = 0.0
    copy_us: float = 0.0
    samples: int = 1
    fifos: tuple[FifoReport, ...] = ()
    events: tuple[Event, ...] = field(default=(), repr=False, compare=False)
    outputs: tuple[NDArray[Any], ...] = field(default=(), repr=False, compare=False)
    corrected_by: str = ""  # whose reports corrected the layers, in words; "" where none did

    @property
    def latency_us(self) -> float:
        """Microseconds from the first input value to the last output value of one sample, worst case."""
        return self.latency_cycles.worst * self.clock_ns / 1000

    @property
    def inferences_per_s(self) -> float:
        """Samples a second when they arrive back to back, worst case."""
        return 1e9 / (max(1, self.interval_cycles.worst) * self.clock_ns)

    def cycles(self, count: int) -> int:
        """Clock cycles of `count` samples back to back: the first takes the latency, each further one the interval."""
        return self.latency_cycles.worst + (count - 1) * self.interval_cycles.worst if count else 0

    def batch_us(self, count: int) -> float:
        """Microseconds of `count` samples in one transfer, driven from Python on the board, worst case.

        The launch, the copies, the first sample's latency, and an interval for each further one.
        """
        if count < 1:
            raise InputError(f"a batch of {count} samples takes no time: give 1 or more")
        return self.launch_us + count * self.copy_us + self.cycles(count) * self.clock_ns / 1000

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
        """One region, then `other`, both resident on one board and driven in turn: everything adds.

        Events and outputs stay with their own reports.
        """
        if (self.board, self.clock_ns) != (other.board, other.clock_ns):
            raise InputError(
                f"reports of {self.board} at {self.clock_ns} ns and {other.board} at {other.clock_ns} ns "
                "do not add: estimate both for one board and clock"
            )
        return replace(
            self,
            layers=self.layers + other.layers,
            latency_cycles=self.latency_cycles + other.latency_cycles,
            interval_cycles=self.interval_cycles + other.interval_cycles,
            resources=self.resources + other.resources,
            energy_uj=self.energy_uj + other.energy_uj,
            launch_us=self.launch_us + other.launch_us,
            copy_us=self.copy_us + other.copy_us,
            samples=max(self.samples, other.samples),
            fifos=self.fifos + other.fifos,
            corrected_by=self.corrected_by or other.corrected_by,
            events=(),
            outputs=(),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data by docs/report-schema.json; a utilisation that is infinite is null."""
        utilisation = {name: None if share == float("inf") else share for name, share in self.utilisation.items()}
        derived = {"latency_us": self.latency_us, "inferences_per_s": self.inferences_per_s}
        between = {name: list(ends) for name, ends in fabric_range(self.layers).items()}
        judged = {"utilisation": utilisation, "fits": self.fits, "fabric_range": between}
        own = replace(self, events=(), outputs=())
        plain = {name: value for name, value in asdict(own).items() if name not in ("events", "outputs")}
        rows = {name: [asdict(row) for row in getattr(self, name)] for name in ("layers", "fifos")}
        return {"schema": SCHEMA, **plain, **rows, **derived, **judged}

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
                launch_us=float(data["launch_us"]),
                copy_us=float(data["copy_us"]),
                samples=int(data["samples"]),
                fifos=tuple(FifoReport.from_json(row) for row in data["fifos"]),
                corrected_by=str(data.get("corrected_by", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the report of schema {SCHEMA} is damaged at {error}: make it again") from None

    def table(self) -> Table:
        """The report as a rich table: a row a layer, then the total and its share of the board; worst-case cycles."""
        from weft.sim.report_table import report_table

        return report_table(self)


def _fractions(used: Resources, of: Resources) -> dict[str, float]:
    whole = of.as_dict()
    return {
        name: count / whole[name] if whole[name] else (float("inf") if count else 0.0)
        for name, count in used.as_dict().items()
    }
