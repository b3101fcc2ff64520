"""`calibrate`: a user's own reports against the estimates, and corrections from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.host.folders import design_with_calls, holds_design
from weft.sim.calibration.comparison import Comparison, compare, rows_to_keep
from weft.sim.calibration.reports import FIGURES, is_report, read_reports
from weft.sim.calibration.store import StoredRow, calibration_file, keep_rows
from weft.sim.cost.model import checked_tool

_MOST_REPORTS = 10_000  # files under one folder
_MOST_PARENTS = 8  # a report lies in project/top_prj/solution1/syn/report


@dataclass(frozen=True)
class Calibration:
    """Reported beside predicted, and the rows that were stored for later estimates on boards of `board`'s family."""

    board: Board
    rows: tuple[Comparison, ...]
    stored: tuple[StoredRow, ...]

    def summary(self) -> str:
        """One sentence: what will be corrected from now on, or why nothing is."""
        if not self.stored:
            return "nothing was stored: corrections come from the csynth reports of layers, beside the top's"
        tools = " or ".join(sorted({row.tool for row in self.stored}))
        return (
            f"{len(self.stored)} rows stored in {calibration_file()}; they correct estimates with --tool {tools} on "
            f"boards of family {self.board.family}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            {
                "name": row.name,
                "kind": row.kind,
                "strategy": row.strategy,
                "io": row.io,
                "stage": row.report.stage,
                "source": row.report.source,
                "tool": row.tool,
                "predicted": dict(row.predicted),
                "reported": dict(row.report.figures),
            }
            for row in self.rows
        ]
        return {"board": self.board.name, "rows": rows, "stored": len(self.stored), "file": str(calibration_file())}

    def table(self) -> Table:
        """Predicted/reported, a row for each layer and report; figures that are 0 everywhere are left out."""
        used = [
            name for name in FIGURES if any(row.predicted[name] or row.report.figures.get(name) for row in self.rows)
        ]
        table = Table(title=f"{self.board.name}: predicted/reported", box=SIMPLE, pad_edge=False, collapse_padding=True)
        table.add_column("layer", overflow="fold", min_width=12)
        table.add_column("report")
        for name in used:
            table.add_column(name if name in FIGURES[:2] else name.upper(), justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(row.name, row.report.stage, *(_cell(row, name) for name in used))
        return table


def _cell(row: Comparison, name: str) -> str:
    reported = row.report.figures.get(name)
    return f"{row.predicted[name]:,.0f}/{'-' if reported is None else f'{reported:,.0f}'}"


def calibrate(paths: Sequence[Path], board: str | Path | Board, tool: str | None = None) -> Calibration:
    """Compare the reports in `paths` with the estimates, and store what corrects them.

    A path is a report, or a folder with reports under it. What a report is of is the design in its folder or in one
    around it, otherwise the only design among `paths`. `tool` ("vitis-2023.2") is for reports that do not name theirs.
    Raises InputError where there is no design, no report, or they are not of one another; what is stored stays then.
    """
    machine = load_board(board)
    if tool is not None:
        checked_tool(tool)
    designs = [path for path in paths if path.is_dir() and holds_design(path)]
    files: dict[Path, list[Path]] = {}
    for path in paths:
        files.setdefault(_owner(path, designs), []).extend(_reports_under(path))
    rows: list[Comparison] = []
    for owner, found in files.items():
        reports = [report for file in found for report in read_reports(file)]
        if not reports:
            raise InputError(f"{str(owner)!r} has no report with figures in it: run C synthesis, or give the report")
        rows += compare(*design_with_calls(owner), reports, machine, tool)
    stored = rows_to_keep(rows, machine.family)
    if stored:
        keep_rows(stored)
    return Calibration(machine, tuple(rows), tuple(stored))


def _owner(path: Path, designs: Sequence[Path]) -> Path:
    """The folder with the design that a report is of."""
    if not path.exists():
        raise InputError(f"{str(path)!r} does not exist: give a report, or a folder with reports")
    around = (path, *path.resolve().parents[:_MOST_PARENTS])
    own = next((folder for folder in around if folder.is_dir() and holds_design(folder)), None)
    if own is not None:
        return own
    if len(designs) != 1:
        raise InputError(
            f"{str(path)!r} lies in no hls4ml project, build or saved design: give the one that it is of as well"
        )
    return designs[0]


def _reports_under(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*.*") if is_report(file) and file.is_file())
    if len(found) > _MOST_REPORTS:
        raise InputError(f"{str(path)!r} has more than {_MOST_REPORTS:,} reports under it: give a folder inside it")
    return found
