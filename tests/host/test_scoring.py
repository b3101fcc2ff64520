"""Scores of outputs: each kind of label, and the formulas against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from weft.host.scoring import against_itself, against_labels

Array = NDArray[Any]
OUTPUT = np.random.default_rng(0).normal(0, 1, (50, 3, 4)).astype(np.float32)


def value(own: Array, labels: Array, threshold: float = 0.0) -> tuple[str, float]:
    score = against_labels(own, labels, threshold)
    assert score is not None
    return score.metric, score(own)


@pytest.mark.parametrize("axis", [1, 2])
def test_classes_on_either_side_of_places(axis: int) -> None:
    """Images have classes in axis 1, sequences in the last."""
    labels = OUTPUT.argmax(axis)
    assert value(OUTPUT, labels) == ("accuracy", 1.0)
    labels[0, 0] += 1
    assert value(OUTPUT, labels) == ("accuracy", 1 - 1 / labels.size)


def test_classes_may_be_a_column_or_one_hot() -> None:
    scores = OUTPUT[:, 0]
    classes = scores.argmax(1)
    classes[:5] = (classes[:5] + 1) % 4
    for labels in (classes, classes[:, None], np.eye(4)[classes], np.eye(4, dtype=bool)[classes]):
        assert value(scores, labels) == ("accuracy", 0.9)


def test_yes_or_no_beside_a_threshold() -> None:
    own = OUTPUT[:, 0, :1]
    for threshold in (0.0, 0.5):
        labels = (own > threshold).astype(np.uint8)
        assert value(own, labels, threshold) == value(own, labels[:, 0], threshold) == ("accuracy", 1.0)
        assert value(own, 1 - labels, threshold) == ("accuracy", 0.0)
    assert value(own, (own > 0).astype(np.float32))[0] == "r2"  # floats are numbers


def test_integers_say_themselves_what_they_mean() -> None:
    own = OUTPUT[:, 0].argmax(1)
    assert value(own[:, None], own) == ("accuracy", 1.0)
    assert against_itself(own).metric == "agreement"
    assert against_itself(own)(own + 1) == 0.0


def test_labels_of_another_shape_do_not_fit() -> None:
    assert against_labels(OUTPUT, np.zeros((50, 5), np.int64), 0.0) is None
    assert against_labels(OUTPUT[:, 0], np.zeros((50, 3)), 0.0) is None


def test_without_labels() -> None:
    assert against_itself(OUTPUT[:, 0]).metric == "agreement"
    for own in (OUTPUT, OUTPUT[:, 0, :1], OUTPUT[:, 0, 0]):
        score = against_itself(own)
        assert (score.metric, score(own)) == ("r2", 1.0)


NUMBERS = st.floats(-100, 100, width=32)
SHAPES = st.tuples(st.integers(2, 20), st.integers(1, 3))


@given(SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.float32, shape, elements=NUMBERS)] * 2)))
def test_numbers_by_the_coefficient_of_determination(pair: tuple[Array, Array]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    own, labels = pair
    labels = labels + np.arange(len(labels), dtype=np.float32)[:, None]  # not all the same
    score = against_labels(own, labels.astype(np.float64) + 0.25, 0.0)
    assert score is not None
    assert score.metric == "r2"
    expected = metrics.r2_score(score.expected.reshape(len(own), -1), own, multioutput="variance_weighted")
    assert score(own) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_what_never_changes_is_met_or_not() -> None:
    own = np.full((5, 1), 2.0)
    assert value(own, np.full(5, 2.0)) == ("r2", 1.0)
    assert value(own, np.full(5, 3.0)) == ("r2", 0.0)
