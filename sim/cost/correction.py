"""Corrections of a layer's cost by what a user's own reports said of layers of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weft.boards.resources import Resources
from weft.hls.design import Design, Io, Layer
from weft.sim.cost.timing import Cost, Timing


@dataclass(frozen=True)
class Correction:
    """Reported over predicted, by figure (latency, interval, lut, ff, dsp, bram18, uram); 1 where nothing is known.
    `rows` is how many reported layers it rests on, `sources` the reports they are of."""

    factors: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    sources: tuple[str, ...] = ()


_SHOWN = 3  # reports named in one line

#: By (kind, strategy, io).
Corrections = Mapping[tuple[str, str, str], Correction]


def correction_key(layer: Layer, io: Io) -> tuple[str, str, str]:
    """What layers share a correction."""
    return layer.kind, layer.strategy.lower(), io


def corrected(cost: Cost, correction: Correction) -> Cost:
    """The cost, each figure times its factor and rounded."""
    used = {name: round(count * correction.factors.get(name, 1.0)) for name, count in cost.resources.as_dict().items()}
    expected = None if cost.expected is None else _scaled(cost.expected, correction)
    return Cost(_scaled(cost.best, correction), _scaled(cost.worst, correction), Resources(**used), expected)


def _scaled(timing: Timing, correction: Correction) -> Timing:
    """The pipeline's depth keeps its share of the latency."""
    slower = correction.factors.get("latency", 1.0)
    return replace(
        timing,
        shift=round(timing.shift * slower),
        lead=None if timing.lead is None else round(timing.lead * slower),
        latency=round(timing.latency * slower),
        depth=round(timing.depth * slower),
        interval=max(1, round(timing.interval * correction.factors.get("interval", 1.0))),
    )


def what_corrects(design: Design, corrections: Corrections) -> str:
    """In words, what corrected a design's layers; "" where nothing did."""
    found = {
        key: corrections[key] for layer in design.layers if (key := correction_key(layer, design.io)) in corrections
    }
    if not found:
        return ""
    sources = sorted({source for correction in found.values() for source in correction.sources})
    shown = ", ".join(sources[:_SHOWN]) + (f" and {len(sources) - _SHOWN} more" if len(sources) > _SHOWN else "")
    rows = sum(correction.rows for correction in found.values())
    return f"corrected by {rows} row{'' if rows == 1 else 's'} of {shown}"
