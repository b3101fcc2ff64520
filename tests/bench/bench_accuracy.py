"""How near the estimate comes to published reports: a table a source, what fitted laws foretell, and the aims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from accuracy import SOURCES, Figure, figures_of_source
from accuracy_aims import aims
from held_out import held_out
from published import folder
from rich.console import Console
from rich.table import Table


def bench_accuracy() -> None:
    """Prints, for every source and group of rows, how many figures are exact, the error, and the worst row; then how
    well each fitted law foretells a design that it was not fitted on; then the aims, each met or not."""
    console = Console(width=140)
    found: dict[str, list[Figure]] = {}
    for name in SOURCES:
        if (folder() / name).is_file():
            found[name] = figures_of_source(folder() / name)
            console.print(table(name, found[name]))
        else:
            console.print(f"{folder() / name} is not there: set WEFT_PUBLISHED to a folder of published reports.")
    if found:
        console.print(held_out(folder() / name for name in ("layers.csv", "conv_stream.csv") if name in found))
        console.print(aims(found))


def table(title: str, figures: Iterable[Figure]) -> Table:
    """Error: |estimated - published| / published, published taken as at least 1. Near: within 2 or 10 %."""
    grid = Table(title=title)
    for column in ("group", "figure", "rows", "exact", "near", "median", "90 %", "worst row"):
        grid.add_column(column, justify="left" if column in ("group", "figure", "worst row") else "right")
    groups: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        groups[figure.group, figure.name].append(figure)
    for (group, name), rows in sorted(groups.items()):
        errors = sorted(row.error for row in rows)
        worst = max(rows, key=lambda row: row.error)
        count = len(rows)
        grid.add_row(
            group, name, str(count), f"{sum(row.apart == 0 for row in rows) / count:.1%}",
            f"{sum(row.is_near for row in rows) / count:.1%}", f"{median(errors):.1%}",
            f"{errors[min(count - 1, int(0.9 * count))]:.1%}",
            f"{worst.row}: {worst.published:g}, here {worst.estimated:g}",
        )  # fmt: skip
    return grid
