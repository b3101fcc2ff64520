"""Whether a fitted rule foretells rows that it was not fitted on: refit without a group of rows, then ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fitted(features: Floats, target: Floats) -> Floats:
    """Coefficients of least absolute relative error, by reweighted least squares."""
    scaled, weight = features / target[:, None], np.ones(len(target))
    found = np.zeros(features.shape[1])
    for _ in range(50):
        found = np.linalg.lstsq(scaled * weight[:, None], weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(scaled @ found - 1), 1e-4))
    return np.asarray(found, np.float64)


def linear(features: Floats, target: Floats, groups: Sequence[object]) -> tuple[Floats, Floats]:
    """Relative errors of every row with coefficients fitted on all rows, and on the rows of the other groups."""
    every = np.abs(features @ fitted(features, target) - target) / target
    held = np.empty(len(target))
    for group in set(groups):
        out = np.array([one == group for one in groups])
        held[out] = np.abs(features[out] @ fitted(features[~out], target[~out]) - target[out]) / target[out]
    return every, held


def gridded(
    grid: Sequence[tuple[float, ...]], errors: Callable[[tuple[float, ...]], Floats], groups: Sequence[object]
) -> tuple[Floats, Floats]:
    """The same for constants searched for: the point of the grid with the least mean of `errors`, one a row."""
    table = np.array([errors(point) for point in grid])
    held = np.empty(table.shape[1])
    for group in set(groups):
        out = np.array([one == group for one in groups])
        held[out] = table[np.argmin(table[:, ~out].mean(axis=1))][out]
    return table[np.argmin(table.mean(axis=1))], held
