"""Constants of `sim/cost` fitted anew without a group of rows, and how well they foretell it (laws: held_out.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from held_out import Floats, Sample, fitted


def linear(features: Floats, published: Floats, groups: Sequence[str]) -> tuple[Floats, Floats]:
    """Relative errors of every row with coefficients fitted on all rows, and on the rows of the other groups."""
    rows = [Sample(group, row, 0.0, float(y)) for group, row, y in zip(groups, features, published, strict=True)]

    def errors(others: list[Sample], asked: list[Sample]) -> list[float]:
        coefficients = fitted(others)
        return [abs(float(row.sizes @ coefficients) - row.published) / row.published for row in asked]

    held: list[float] = []
    for group in sorted(set(groups)):
        held += errors([row for row in rows if row.design != group], [row for row in rows if row.design == group])
    return np.array(errors(rows, rows)), np.array(held)


def gridded(
    grid: Sequence[tuple[float, ...]], errors: Callable[[tuple[float, ...]], Floats], groups: Sequence[str]
) -> tuple[Floats, Floats]:
    """The same for constants searched for: the point of the grid with the least mean of `errors`, one a row."""
    table = np.array([errors(point) for point in grid])
    held = np.empty(table.shape[1])
    for group in set(groups):
        out = np.array([one == group for one in groups])
        held[out] = table[np.argmin(table[:, ~out].mean(axis=1))][out]
    return table[np.argmin(table.mean(axis=1))], held
