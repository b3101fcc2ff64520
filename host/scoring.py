"""How the answers of a network are scored: as classes, as yes or no, or as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.host.accuracy import Metric

Array = NDArray[Any]


@dataclass(frozen=True)
class Score:
    """What is expected (N, ...), and what makes of an output something that can be compared with it."""

    metric: Metric
    decide: Callable[[Array], Array]
    expected: Array

    def __call__(self, output: Array) -> float:
        """The share that is as expected; of "r2" 1 less the squared error over the variance of what is expected."""
        answers = self.decide(output)
        if self.metric != "r2":
            return float((answers == self.expected).mean())
        wanted = self.expected.astype(np.float64)
        error = float(np.square(answers - wanted).sum())
        spread = float(np.square(wanted - wanted.mean(axis=0)).sum())
        if spread == 0:  # as scikit-learn's r2_score has it
            return float(error == 0)
        return 1 - error / spread


def against_itself(own: Array) -> Score:
    """Expect a network's own output: its classes where it is (N, classes), its numbers otherwise."""
    if own.dtype.kind != "f":
        return Score("agreement", np.asarray, own)
    if own.ndim == 2 and own.shape[1] > 1:
        return Score("agreement", _largest(1), own.argmax(1))
    return Score("r2", np.asarray, own)


def against_labels(own: Array, labels: Array, threshold: float) -> Score | None:
    """Expect labels of an output that is like `own`; None where they do not fit it.

    Labels are classes (integers of the output's shape without its axis 1, or without its last one), the same one-hot,
    yes or no (integers 0 and 1 of the output's shape; the output says yes above `threshold`), or numbers. An output of
    integers says itself what labels say. Axes of size 1 do not matter.
    """
    if own.dtype.kind == "f" and labels.dtype.kind != "f":
        for axis in (1, own.ndim - 1) if own.ndim > 1 else ():
            rest = own.shape[:axis] + own.shape[axis + 1 :]
            if own.shape[axis] > 1 and _without_ones(rest) == _without_ones(labels.shape):
                return Score("accuracy", _largest(axis), labels.reshape(rest))
    if _without_ones(own.shape) != _without_ones(labels.shape):
        return None
    labels = labels.reshape(own.shape)
    if own.dtype.kind != "f":
        return Score("accuracy", np.asarray, labels)
    binary = bool(np.isin(labels, (0, 1)).all())
    if binary and own.ndim > 1 and own.shape[-1] > 1 and bool((labels.sum(axis=-1) == 1).all()):
        return Score("accuracy", _largest(own.ndim - 1), labels.argmax(-1))
    if binary and labels.dtype.kind != "f":
        return Score("accuracy", lambda output: np.asarray(output > threshold), labels.astype(bool))
    return Score("r2", np.asarray, labels)


def _largest(axis: int) -> Callable[[Array], Array]:
    return lambda scores: np.asarray(scores.argmax(axis))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of size 1; the first, the samples, stays."""
    return shape[:1] + tuple(size for size in shape[1:] if size != 1)
