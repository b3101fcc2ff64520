"""How near the estimate comes to published synthesis reports: a table a source, from the folder in WEFT_PUBLISHED."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from published import Case, cases, folder
from published_dense import mlp_cases, single_cases, stack_cases
from rich.console import Console
from rich.table import Table

from weft.boards import Resources
from weft.sim import estimate
from weft.sim.cost.storage import fifo

SOURCES = {
    "dense_stacks.csv": stack_cases, "dense_single.csv": single_cases, "mlp.csv": mlp_cases, "layers.csv": cases,
}  # fmt: skip


def bench_accuracy() -> None:
    """Prints, for every source and group of rows, how many figures are exact, the error, and the worst row."""
    console = Console(width=140)
    for name in SOURCES:
        if (folder() / name).is_file():
            console.print(table(name, measured(folder() / name)))
        else:
            console.print(f"{folder() / name} is not there: set WEFT_PUBLISHED to a folder of published reports.")


def measured(path: Path) -> dict[tuple[str, str], list[tuple[str, float, float]]]:
    """(group, figure) -> rows of (name, published, estimated)."""
    found: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for case in SOURCES[path.name](path):
        got = estimated(case)
        for figure, published in case.figures.items():
            found[case.group, figure].append((case.name, published, got[figure]))
    return found


def estimated(case: Case) -> dict[str, float]:
    """weft's figures of a case, without the AXI streams that weft's own top adds or, of a layer, the FIFO it writes."""
    report = estimate(case.design, case.board, tool=case.tool, ends=False)
    one = report if case.layer is None else next(row for row in report.layers if row.name == case.layer)
    latency, interval, resources = one.latency_cycles, one.interval_cycles, one.resources
    carried = fifo(case.design.tensors[case.design.outputs[0]]) if case.design.io == "io_stream" else Resources()
    return {
        "latency best": latency.best, "latency worst": latency.worst, "interval": interval.worst,
        "dsp": resources.dsp, "lut": resources.lut - carried.lut, "ff": resources.ff - carried.ff,
        "bram": resources.bram18 - carried.bram18,
    }  # fmt: skip


def table(title: str, found: dict[tuple[str, str], list[tuple[str, float, float]]]) -> Table:
    """Error: |estimated - published| / published, published taken as at least 1. Near: within 2 or 10 %."""
    grid = Table(title=title)
    for column in ("group", "figure", "rows", "exact", "near", "median", "90 %", "worst row"):
        grid.add_column(column, justify="left" if column in ("group", "figure", "worst row") else "right")
    for (group, figure), rows in sorted(found.items()):
        published, got = (np.array([row[i] for row in rows], float) for i in (1, 2))
        apart = np.abs(got - published)
        error = apart / np.maximum(published, 1)
        worst = int(np.argmax(error))
        near = np.mean((apart <= 2) | (error <= 0.1))
        grid.add_row(
            group, figure, str(len(rows)), f"{np.mean(apart == 0):.1%}", f"{near:.1%}", f"{np.median(error):.1%}",
            f"{np.quantile(error, 0.9):.1%}", f"{rows[worst][0]}: {published[worst]:g}, here {got[worst]:g}",
        )  # fmt: skip
    return grid
