"""The aims of issue 3, "How close", on published rows: how many figures are within the bound, met or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import NamedTuple

from accuracy import Figure
from rich.table import Table


class Aim(NamedTuple):
    """`share` of the figures that `chosen` picks are to be `within`."""

    text: str
    chosen: Callable[[str, Figure], bool]
    within: Callable[[Figure], bool]
    share: float


_DENSE = ("dense_stacks.csv", "dense_single.csv", "mlp.csv", "layers.csv")
_WINDOWED = ("conv", "pool")
_CYCLES = ("latency best", "latency worst", "interval")


def _is_shared(source: str, figure: Figure) -> bool:
    return source in _DENSE[:2] and figure.group.startswith("Resource") and "RF 1" not in figure.group


def _is_unrolled(source: str, figure: Figure) -> bool:
    return source in _DENSE[:3] and "Latency" in figure.group


def _is_windowed(figure: Figure) -> bool:
    return figure.group.startswith(_WINDOWED) and "io_stream" in figure.group


def _is_top(figure: Figure) -> bool:
    return figure.group == "top, io_stream"


def _within(share: float) -> Callable[[Figure], bool]:
    return lambda figure: figure.error <= share


def _exact(figure: Figure) -> bool:
    return figure.apart == 0


def _bits(figure: Figure) -> int:
    """The weights' bits, which the names of single layers and stacks tell."""
    words = figure.row.split()
    return int(words[words.index("bit") - 1]) if "bit" in words else 16


AIMS = (
    Aim("dense, Resource, RF above 1: latency and interval exact", lambda s, f: _is_shared(s, f) and f.name in _CYCLES,
        _exact, 0.99),
    Aim("dense, Resource, RF above 1: DSP exact at 8 bits and more",
        lambda s, f: _is_shared(s, f) and f.name == "dsp" and _bits(f) >= 8, _exact, 0.99),
    Aim("dense, Latency: latency within 2 cycles or 10 %",
        lambda s, f: _is_unrolled(s, f) and f.name.startswith("latency"), lambda f: f.is_near, 0.9),
    # How many weights are multiplied is read from a network's other rows (published_dense.py); without, 65 are exact.
    Aim("dense, Latency: interval exact (multiplied weights: other rows)",
        lambda s, f: _is_unrolled(s, f) and f.name == "interval", _exact, 0.95),
    Aim("convolution and pooling, stream: latency within 5 %",
        lambda s, f: _is_windowed(f) and f.name.startswith("latency"), _within(0.05), 0.9),
    Aim("convolution and pooling, stream: interval within 5 %", lambda s, f: _is_windowed(f) and f.name == "interval",
        _within(0.05), 0.9),
    Aim("stream tops: latency within 5 %", lambda s, f: _is_top(f) and f.name.startswith("latency"), _within(0.05),
    0.9), Aim("stream tops: interval within 5 %", lambda s, f: _is_top(f) and f.name == "interval", _within(0.05), 0.9),
    Aim("stream tops, co-simulated: latency within 5 %", lambda s, f: f.name == "run latency", _within(0.05), 0.9),
    Aim("stream tops, co-simulated: interval within 5 %", lambda s, f: f.name == "run interval", _within(0.05), 0.9),
    Aim("BRAM exact or within 2", lambda s, f: f.name == "bram", lambda f: f.apart <= 2, 0.8),
)  # fmt: skip

_LARGEST_MEDIAN = 0.2


def aims(found: Mapping[str, Iterable[Figure]]) -> Table:
    """One line an aim, and one for LUT and for FF: the groups whose median error is above 20 %."""
    grid = Table(title="Aims (issue 3, How close)")
    for column in ("aim", "rows", "within", "asked", ""):
        grid.add_column(column, justify="right" if column in ("rows", "within", "asked") else "left")
    every = [(source, figure) for source, figures in found.items() for figure in figures]
    for aim in AIMS:
        rows = [figure for source, figure in every if aim.chosen(source, figure)]
        if rows:
            share = sum(aim.within(figure) for figure in rows) / len(rows)
            grid.add_row(aim.text, str(len(rows)), f"{share:.1%}", f"{aim.share:.0%}", _verdict(share >= aim.share))
    for name in ("lut", "ff"):
        groups = defaultdict(list)
        for source, figure in every:
            if figure.name == name:
                groups[f"{source}: {figure.group}"].append(figure.error)
        wide = {group: median(errors) for group, errors in groups.items() if median(errors) > _LARGEST_MEDIAN}
        share = 1 - len(wide) / len(groups)
        grid.add_row(f"{name.upper()}: median error of a group at most 20 %", f"{len(groups)} groups", f"{share:.1%}",
        "100%",
                     _verdict(not wide))  # fmt: skip
        for group, error in sorted(wide.items()):
            grid.add_row(f"    {group}", str(len(groups[group])), f"median {error:.0%}", "20%", "not met")
    return grid


def _verdict(met: bool) -> str:
    return "met" if met else "not met"
