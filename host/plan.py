"""`Plan`: which part of a network runs on which device, why, and what that is predicted to take. Made by
`planner.plan`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import onnx_ir as ir
from rich.table import Table

from weft.boards import Board
from weft.hls.design import Io
from weft.hls.lower import Strategy
from weft.hls.precision import FixedType
from weft.host.accuracy import Accuracy
from weft.host.device import Region
from weft.host.devices.names import takes_designs
from weft.host.solver import relative_gap
from weft.host.tuning import STRATEGIES
from weft.sim import Report
from weft.sim.cost.model import NEWEST_TOOL

SCHEMA = "weft-plan/1"


@dataclass(frozen=True)
class Transfer:
    """Bytes of one sample that cross the board's link. `source` and `target` name regions; "host" is the program."""

    source: str
    target: str
    bytes: int
    predicted_s: float


@dataclass(frozen=True)
class Configuration:
    """What was asked of the FPGA's design."""

    io: Io
    clock_ns: float
    strategies: tuple[Strategy, ...] = STRATEGIES
    reuse_factor: int | None = None
    precision: FixedType | None = None
    tool: str = NEWEST_TOOL  # whose schedule is foretold


@dataclass(frozen=True)
class Plan:
    """A network split over devices. `predicted_s` is the time of one inference with its transfers.

    `value` is what the plan comes to by its objective: seconds of one sample (latency) or between samples (throughput),
    joules (energy), or the share of the work that is not on the preferred device and a hundredth for each region. No
    plan with the same region on the FPGA comes to less than `bound`.
    """

    name: str
    board: Board
    devices: tuple[str, ...]
    model: ir.Model = field(repr=False, compare=False)
    regions: tuple[Region, ...]
    transfers: tuple[Transfer, ...]
    predicted_s: float
    configuration: Configuration
    objective: str = "preference"
    value: float = 0.0
    bound: float = 0.0
    notes: tuple[str, ...] = ()
    accuracy: Accuracy | None = None  # where `min_accuracy` was asked for
    rejected: Report | None = field(default=None, repr=False, compare=False)  # of an FPGA region that does not fit

    @property
    def gap(self) -> float:
        """How far `value` may lie above the best, as a share of it; 0 where it is known to be the best."""
        return relative_gap(self.value, self.bound)

    @property
    def fpga_regions(self) -> tuple[Region, ...]:
        """The regions on the FPGA, in the order in which they run."""
        return tuple(region for region in self.regions if takes_designs(region.device))

    @property
    def fpga_region(self) -> Region | None:
        """The first region on the FPGA, if there is one."""
        return next(iter(self.fpga_regions), None)

    def to_json(self) -> dict[str, Any]:
        """The plan in schema weft-plan/1."""
        return {
            "schema": SCHEMA,
            "board": self.board.name,
            "predicted_s": self.predicted_s,
            "objective": self.objective,
            "value": self.value,
            "bound": self.bound,
            **({} if self.accuracy is None else {"accuracy": asdict(self.accuracy)}),
            "regions": [
                {
                    "name": region.name,
                    "device": region.device,
                    "nodes": list(region.nodes),
                    "reason": region.reason,
                    "predicted_s": region.predicted_s,
                    **({} if region.design is None else {"overlay": region.overlay}),
                }
                for region in self.regions
            ],
            "transfers": [
                {"from": move.source, "to": move.target, "bytes": move.bytes, "predicted_s": move.predicted_s}
                for move in self.transfers
            ],
        }

    def table(self) -> Table:
        """The plan as a table for people."""
        from weft.host.tables import plan_table

        return plan_table(self)
