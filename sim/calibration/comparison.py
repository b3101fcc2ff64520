"""Reported figures beside the estimate's, layer by layer and for the top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weft.boards import Board
from weft.boards.errors import InputError
from weft.hls.design import Design
from weft.hls.project.cpp import Call
from weft.sim.calibration.reports import FIGURES, ToolReport
from weft.sim.calibration.store import StoredRow
from weft.sim.cost import layer_cost
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context
from weft.sim.cost.timing import Cost
from weft.sim.cost.tool import NEWEST_TOOL, checked_tool
from weft.sim.estimate import estimate

TOP = "top"

# How the parts of each family begin: those in boards/*.toml, and xcvu, the bare chips of the Alveo cards.
_PARTS = {"zynq7": ("xc7z",), "zynq_ultrascale_plus": ("xczu", "xck2"), "alveo": ("xcu", "xcvu")}


@dataclass(frozen=True)
class Comparison:
    """One layer, or the top, in one report. Figures are named as in `reports.FIGURES`."""

    name: str
    kind: str
    strategy: str
    io: str
    report: ToolReport
    tool: str
    predicted: Mapping[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """Reported over predicted, where both are there and neither is 0."""
        reported = self.report.figures
        return {
            name: reported[name] / self.predicted[name]
            for name in FIGURES
            if reported.get(name) and self.predicted.get(name)
        }


def compare(
    design: Design,
    calls: Mapping[str, Call],
    reports: Sequence[ToolReport],
    board: Board,
    tool: str | None = None,
) -> list[Comparison]:
    """Rows for the top and then for the layers in their order; without corrections.

    `calls` say, by layer, which kernel and config a layer's module is named after; without them only the top can be
    told. `tool` is for reports that do not name theirs (the newest by default). Raises InputError for a report of
    another family, another tool, or of no part of this design.
    """
    rows = []
    for report in _own_reports(reports):
        _check_part(report, board)
        version = _tool_of(report, tool)
        if report.module == design.name:
            rows.append(_top(design, report, board, version))
        elif layer := _layer_of(report.module, calls):
            rows.append(_layer(design, layer, report, board, version))
    if reports and not rows:
        raise InputError(
            f"{reports[0].source} is of module {reports[0].module[:80]!r}, which is neither design {design.name} nor a "
            "layer of it: give the project that it is of"
        )
    order = {layer.name: number for number, layer in enumerate(design.layers)}
    return sorted(_outermost(rows), key=lambda row: order.get(row.name, -1))


def rows_to_keep(comparisons: Iterable[Comparison], family: str) -> list[StoredRow]:
    """What of `comparisons` corrects later estimates: layers' csynth figures, which are what an estimate foretells; the
    top follows from its layers."""
    return [
        StoredRow(
            family=family,
            tool=row.tool,
            kind=row.kind,
            strategy=row.strategy,
            io=row.io,
            layer=row.name,
            source=row.report.source,
            digest=row.report.digest,
            ratios=row.ratios,
        )
        for row in comparisons
        if row.name != TOP and row.report.stage == "csynth" and row.ratios
    ]


def _own_reports(reports: Iterable[ToolReport]) -> list[ToolReport]:
    """One report for each module and stage: the module's own before one that contains it, .xml before .rpt."""
    chosen: dict[tuple[str, str], ToolReport] = {}
    for report in reports:
        key = (report.module, report.stage)
        kept = chosen.get(key)
        if kept is None or (report.whole, report.source.endswith(".xml")) > (kept.whole, kept.source.endswith(".xml")):
            chosen[key] = report
    return list(chosen.values())


def _layer_of(module: str, calls: Mapping[str, Call]) -> str | None:
    """The layer whose kernel a module is: dense_latency_ap_fixed_16_6_5_3_0_..._config2_s is `dense` with config2.

    Vivado HLS 2020.1 ends the name of a module with constant arguments in zeros, config2_0_0_0_0, and not in _s."""
    for name, call in calls.items():
        if re.fullmatch(rf"{call.function}_\w*?(?<![a-z0-9]){re.escape(call.templates[-1])}(?:_s|(?:_0)+)", module):
            return name
    return None


def _outermost(rows: Iterable[Comparison]) -> list[Comparison]:
    """A layer may be several modules, one inside the other: the one that takes longest holds the others."""
    longest: dict[tuple[str, str], Comparison] = {}
    for row in rows:
        key = (row.name, row.report.stage)
        kept = longest.get(key)
        if kept is None or row.report.figures.get("latency", 0) > kept.report.figures.get("latency", 0):
            longest[key] = row
    return list(longest.values())


def _top(design: Design, report: ToolReport, board: Board, tool: str) -> Comparison:
    """The design without the streams that weft puts around it, which hls4ml's own top has not."""
    found = estimate(design, board, report.clock_ns or None, tool=tool, ends=False, corrections={})
    predicted = {
        "latency": float(found.latency_cycles.worst),
        "interval": float(found.interval_cycles.worst),
        **{name: float(count) for name, count in found.resources.as_dict().items()},
    }
    return Comparison(TOP, TOP, "", design.io, report, tool, predicted)


def _layer(design: Design, name: str, report: ToolReport, board: Board, tool: str) -> Comparison:
    layer = next(layer for layer in design.layers if layer.name == name)
    context = Context(design, fabric_of(board.family), report.clock_ns or design.clock_ns, tool)
    predicted = _figures(layer_cost(layer, context))
    return Comparison(layer.name, layer.kind, layer.strategy.lower(), design.io, report, tool, predicted)


def _figures(cost: Cost) -> dict[str, float]:
    worst = {"latency": float(cost.worst.latency), "interval": float(cost.worst.interval)}
    return worst | {name: float(count) for name, count in cost.resources.as_dict().items()}


def _check_part(report: ToolReport, board: Board) -> None:
    if report.part and not report.part.startswith(_PARTS[board.family]):
        raise InputError(
            f"{report.source} is of part {report.part[:40]}, which is not of the family of {board.name} "
            f"({board.part}): give --board a board of its family"
        )


def _tool_of(report: ToolReport, asked: str | None) -> str:
    if asked and report.tool and report.tool != asked:
        raise InputError(f"{report.source} is of {report.tool}, and --tool says {asked}: leave --tool out")
    return checked_tool(report.tool or asked or NEWEST_TOOL)
