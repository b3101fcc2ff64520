"""A report as a table for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.boards.resources import Resources
from weft.sim.confidence import fabric_range
from weft.sim.energy import ASSUMPTIONS

if TYPE_CHECKING:
    from rich.table import Table

    from weft.sim.report import Report


def report_table(report: Report) -> Table:
    """A row a layer, then the total and its share of the board; worst-case cycles.

    A simulated report also shows how long each layer stood still (for want of input / of room).
    """
    from rich.box import SIMPLE
    from rich.table import Table

    fits = "fits" if report.fits else "does not fit"
    title = f"{report.board} at {1000 / report.clock_ns:.4g} MHz: {fits}"
    table = Table(title=title, caption=_caption(report), box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("layer", overflow="fold", min_width=12)
    names = [name for name in report.available.as_dict() if name != "uram" or report.resources.uram]
    stalls = ("stalls",) if report.fifos else ()
    for heading in ("reuse", "latency", "interval", *stalls, *(name.upper() for name in names), "uJ"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report.layers:
        cells = [f"{row.reuse_factor:,}", f"{row.latency_cycles.worst:,}", f"{row.interval_cycles.worst:,}"]
        waited = [f"{row.starved_cycles:,}/{row.blocked_cycles:,}"] if stalls else []
        table.add_row(row.name, *cells, *waited, *_counts(row.resources, names), f"{row.energy_uj:.1f}")
    table.add_section()
    empty = [""] * len(stalls)
    cells = ["", f"{report.latency_cycles.worst:,}", f"{report.interval_cycles.worst:,}", *empty]
    table.add_row("total", *cells, *_counts(report.resources, names), f"{report.energy_uj:.1f}", style="bold")
    rate = ["", f"{report.latency_us:,.4g} us", f"{report.inferences_per_s:,.0f}/s", *empty]
    shares = [f"{report.utilisation[name]:.1%}" if report.available.as_dict()[name] else "none" for name in names]
    table.add_row("of the board", *rate, *shares, "")
    return table


def fifo_table(report: Report) -> Table:
    """A row a stream: its depth, the most and the mean that it held, and its bits."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title=f"streams over {report.samples:,} samples", box=SIMPLE, pad_edge=False)
    table.add_column("stream", overflow="fold", min_width=12)
    for heading in ("depth", "held at most", "on average", "bits an element"):
        table.add_column(heading, justify="right", no_wrap=True)
    for fifo in report.fifos:
        table.add_row(fifo.name, f"{fifo.depth:,}", f"{fifo.largest:,}", f"{fifo.mean:,.1f}", f"{fifo.bits:,}")
    return table


def _caption(report: Report) -> str:
    between = ", ".join(f"{name.upper()} {low:,}-{high:,}" for name, (low, high) in fabric_range(report.layers).items())
    lines = [f"eight in ten published layers: {between}", f"uJ: {ASSUMPTIONS}"]
    if report.corrected_by:
        lines.insert(0, report.corrected_by)
    if report.fifos:
        lines.insert(0, "stalls: cycles in which a layer waited for input / for room")
    if report.launch_us:
        lines.insert(0, f"From Python on the board: one sample {report.batch_us(1):,.0f} us, "
                        f"1,000 in one transfer {report.batch_us(1000):,.0f} us")  # fmt: skip
    return "\n".join(lines)


def _counts(resources: Resources, names: list[str]) -> list[str]:
    return [f"{resources.as_dict()[name]:,}" for name in names]
