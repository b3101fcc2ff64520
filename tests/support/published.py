"""Published synthesis rows as Designs, to measure weft's estimate against. See the README beside the CSV files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from published_weights import bell

from weft.hls.design import Design, Io, Layer, Tensor, Weight
from weft.hls.precision import FixedType

Row = Mapping[str, str]
DATA = FixedType(16, 6)  # hls4ml's default, where a file names no type


def folder() -> Path:
    """Where the published reports lie: WEFT_PUBLISHED, or beside the clone."""
    return Path(os.environ.get("WEFT_PUBLISHED") or Path(__file__).resolve().parents[3] / "shared" / "data")


@dataclass(frozen=True)
class Case:
    """A published row: its design, which row of the report it is (None: the top), and its figures by name."""

    name: str
    group: str
    design: Design
    board: str
    tool: str
    figures: dict[str, float]
    layer: str | None = None
    source: str = ""  # whose report it is, where several are in one file


def chain(first: Tensor, steps: list[tuple[Layer, Tensor]], clock: float = 5.0, io: Io = "io_parallel") -> Design:
    """A design of layers in a row, each with the tensor it makes; their own inputs and outputs are not read."""
    layers, before = [], first.name
    for step, out in steps:
        layers.append(Layer(step.name, step.kind, (before,), (out.name,), step.attributes, step.weights, step.strategy,
                            step.reuse_factor))  # fmt: skip
        before = out.name
    tensors = {tensor.name: tensor for tensor in (first, *(out for _, out in steps))}
    return Design("published", io, clock, "", tuple(layers), tensors, (first.name,), (before,))


def trained_weight(random: np.random.Generator, kind: FixedType, shape: tuple[int, ...]) -> Weight:
    fan_in = max(1, int(np.prod(shape[:-1])))
    return Weight(bell(random, kind, int(np.prod(shape)), 0, fan_in).reshape(shape), kind)


def figures_of(row: Row, best: str = "best", worst: str = "worst", **names: str | None) -> dict[str, float]:
    """The figures that a row gives, by weft's names; none where synthesis failed."""
    if not row[best]:
        return {}
    columns = {"latency best": best, "latency worst": worst, "interval": "ii_max"}
    columns |= {name: names.get(name, name) or "" for name in ("dsp", "lut", "ff", "bram")}
    return {name: float(row[column]) for name, column in columns.items() if column and row[column].strip()}
