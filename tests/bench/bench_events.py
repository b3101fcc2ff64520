"""The event level beside published co-simulations, and how many iterations of layers it solves a second."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from published import Case
from published_streams import stream_cases
from rich.console import Console
from rich.table import Table

from weft.boards import load_board
from weft.sim import simulate, smallest_fifos
from weft.sim.estimate import context_of
from weft.sim.events.network import stream_network
from weft.sim.events.process import Network
from weft.sim.events.timing import schedule

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"
PUBLISHED = Path(os.environ.get("WEFT_PUBLISHED", DEFAULT)) / "conv_stream.csv"


def bench_events() -> None:
    """Latency of a first sample and cycles between samples: published from co-simulation, and here with AXI DMAs."""
    if not PUBLISHED.is_file():
        print("There are no published figures here: name their folder in WEFT_PUBLISHED.")
        return
    table = Table(title="Co-simulated streaming CNNs, and the event level (cycles)")
    headings = ("design", "latency", "here", "error", "interval", "here", "error", "M iterations/s", "smallest FIFOs")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "design" else "right")
    for case in _cosimulated():
        table.add_row(*_row(case))
    Console(width=150).print(table)


def _cosimulated() -> Iterator[Case]:
    return (case for case in stream_cases(PUBLISHED) if "run latency" in case.figures)


def _row(case: Case) -> list[str]:
    report = simulate(case.design, case.board, tool=case.tool, samples=6)
    latency, interval = case.figures["run latency"], case.figures["run interval"]
    here = report.latency_cycles.worst, report.interval_cycles.worst
    began = time.perf_counter()
    smallest = smallest_fifos(case.design, case.board, tool=case.tool)
    seconds = time.perf_counter() - began
    bits = [sum(fifo.depth * fifo.bits for fifo in simulate(design, case.board, tool=case.tool).fifos)
            for design in (smallest, case.design)]  # fmt: skip
    return [
        case.name,
        f"{latency:,.0f}",
        f"{here[0]:,}",
        f"{here[0] / latency - 1:+.1%}",
        f"{interval:,.0f}",
        f"{here[1]:,}",
        f"{here[1] / interval - 1:+.1%}",
        f"{_rate(case) / 1e6:.1f}",
        f"{bits[0] / bits[1]:.1%} of the bits, {seconds * 1e3:.0f} ms",
    ]


def _rate(case: Case) -> float:
    """Iterations a second on one core: the median of five runs over two samples, which none of them can fill in."""
    board = load_board(case.board)
    network: Network = stream_network(context_of(case.design, board, None, case.tool), board, worst=True)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        schedule(network, 2)
        seconds.append(time.perf_counter() - began)
    return 2 * sum(process.iterations for process in network.processes) / sorted(seconds)[2]
