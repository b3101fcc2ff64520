"""How well a fitted law foretells a design that it was not fitted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from accuracy import SOURCES, estimated
from numpy.typing import NDArray
from published import Case
from rich.table import Table

from weft.sim.cost import laws

Floats = NDArray[np.float64]
Side = Literal["lut", "ff"]
_STEP = 1000.0  # a coefficient large enough that rounding to whole LUTs does not matter


@dataclass(frozen=True)
class Sample:
    """A published figure that a law explains: the design it is of, the law's sizes, and what the law does not count."""

    design: str
    sizes: Floats
    rest: float
    published: float


def held_out(paths: Iterable[Path]) -> Table:
    """A line a law and side: the median error of the rows it was set on, and of each design's rows when the law is
    fitted on the other designs."""
    grid = Table(title="Fitted laws: median error on their rows, and on a design held out of the fit")
    for column in ("law", "figure", "rows", "designs", "as set", "held out", "worst design"):
        grid.add_column(column, justify="left" if column in ("law", "figure", "worst design") else "right")
    cases = [case for path in paths for case in SOURCES[path.name](path) if case.group.startswith(("conv", "pool"))]
    for name in laws.LAWS:
        for side in ("lut", "ff"):
            samples = list(_samples(name, side, cases))
            if samples:
                grid.add_row(name, side, *_line(samples, np.array(getattr(laws.LAWS[name], side))))
    return grid


def _line(samples: list[Sample], coefficients: Floats) -> list[str]:
    designs = defaultdict(list)
    for sample in samples:
        designs[sample.design].append(sample)
    as_set = median(_error(sample, coefficients) for sample in samples)
    counts = [str(len(samples)), str(len(designs)), f"{as_set:.1%}"]
    if len(designs) == 1:
        return [*counts, "-", "one design only"]
    errors = {}
    for design, own in designs.items():
        others = fitted([sample for sample in samples if sample.design != design])
        errors[design] = median(_error(sample, others) for sample in own)
    worst = max(errors, key=lambda design: errors[design])
    return [*counts, f"{median(errors.values()):.1%}", f"{worst}: {errors[worst]:.0%}"]


def fitted(samples: list[Sample]) -> Floats:
    """Coefficients, none below zero, of least absolute relative error: least squares weighed anew until they settle."""
    sizes = np.array([sample.sizes / sample.published for sample in samples])
    wanted = np.array([1 - sample.rest / sample.published for sample in samples])
    weights = np.ones(len(samples))
    coefficients = np.zeros(sizes.shape[1])
    for _ in range(50):
        coefficients = _not_negative(sizes * weights[:, None], wanted * weights)
        weights = 1 / np.sqrt(np.maximum(np.abs(sizes @ coefficients - wanted), 1e-3))
    return coefficients


def _not_negative(matrix: Floats, wanted: Floats) -> Floats:
    """Least squares with coefficients of at least 0: those that come out below are taken away, one by one."""
    kept = np.flatnonzero(np.abs(matrix).sum(axis=0) > 0)
    coefficients = np.zeros(matrix.shape[1])
    while kept.size:
        found = np.linalg.lstsq(matrix[:, kept], wanted, rcond=None)[0]
        if (found >= 0).all():
            coefficients[kept] = found
            break
        kept = np.delete(kept, int(np.argmin(found)))
    return coefficients


def _error(sample: Sample, coefficients: Floats) -> float:
    return abs(float(sample.sizes @ coefficients) + sample.rest - sample.published) / max(1.0, sample.published)


def _samples(name: str, side: Side, cases: list[Case]) -> Iterator[Sample]:
    """The rows that the law explains: those whose estimate changes with its coefficients, which tells the sizes too."""
    count = len(getattr(laws.LAWS[name], side))
    for case in cases:
        if side not in case.figures:
            continue
        with _law(name, side, np.zeros(count)):
            rest = estimated(case)[side]
        with _law(name, side, np.full(count, _STEP)):
            if estimated(case)[side] == rest:
                continue
        sizes = np.zeros(count)
        for index in range(count):
            with _law(name, side, _STEP * np.eye(count)[index]):
                sizes[index] = (estimated(case)[side] - rest) / _STEP
        yield Sample(case.name.rsplit(" ", 1)[0], sizes, rest, case.figures[side])


@contextmanager
def _law(name: str, side: Side, coefficients: Floats) -> Iterator[None]:
    before = laws.LAWS[name]
    laws.LAWS[name] = before._replace(**{side: tuple(coefficients.tolist())})
    try:
        yield
    finally:
        laws.LAWS[name] = before
