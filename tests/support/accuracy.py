"""weft's figures beside published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from published import Case
from published_dense import mlp_cases, single_cases, stack_cases
from published_layers import layer_cases
from published_streams import stream_cases
from published_transformers import transformer_cases

from weft.boards import Resources
from weft.sim import estimate
from weft.sim.cost.stream import fifo
from weft.sim.estimate import expected_run

SOURCES: dict[str, Callable[[Path], Iterator[Case]]] = {
    "dense_stacks.csv": stack_cases, "dense_single.csv": single_cases, "mlp.csv": mlp_cases, "layers.csv": layer_cases,
    "conv_stream.csv": stream_cases, "transformers.csv": transformer_cases,
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One figure of a published row and weft's own."""

    group: str
    name: str
    row: str
    published: float
    estimated: float
    reuse_factor: int = 1

    @property
    def apart(self) -> float:
        """Absolute difference."""
        return abs(self.estimated - self.published)

    @property
    def error(self) -> float:
        """Difference relative to what was published, taken as at least 1."""
        return self.apart / max(1.0, self.published)

    @property
    def is_near(self) -> bool:
        """Within 2 or 10 %."""
        return self.apart <= 2 or self.error <= 0.1


def figures_of_source(path: Path) -> list[Figure]:
    """Every figure of every row of a file that weft can estimate."""
    found = []
    for case in SOURCES[path.name](path):
        got = estimated(case)
        reuse = max(layer.reuse_factor for layer in case.design.layers if layer.name == (case.layer or layer.name))
        found += [Figure(case.group, name, case.name, value, got[name], reuse) for name, value in case.figures.items()]
    return found


def estimated(case: Case) -> dict[str, float]:
    """weft's figures of a case, without the AXI streams that weft's own top adds or, of a layer, the FIFO it writes."""
    report = estimate(case.design, case.board, tool=case.tool, ends=False)
    one = report if case.layer is None else next(row for row in report.layers if row.name == case.layer)
    latency, interval, resources = one.latency_cycles, one.interval_cycles, one.resources
    carried = _carried(case)
    figures: dict[str, float] = {
        "latency best": latency.best, "latency worst": latency.worst,
        "interval best": interval.best, "interval": interval.worst,
        "dsp": resources.dsp, "lut": resources.lut - carried.lut, "ff": resources.ff - carried.ff,
        "bram": resources.bram18 - carried.bram18,
    }  # fmt: skip
    if case.layer is None:
        run = expected_run(case.design, case.board, tool=case.tool, ends=False)
        figures |= {"run latency": run.latency, "run interval": run.interval}
    return figures


def _carried(case: Case) -> Resources:
    """The FIFO that a single layer of a stream writes, which weft counts with the layer and a report does not."""
    if case.layer is None or case.design.io != "io_stream":
        return Resources()
    layer = next(layer for layer in case.design.layers if layer.name == case.layer)
    return fifo(case.design.tensors[layer.outputs[0]], case.tool)
