"""The C library's functions against NumPy's of twice the precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.hls.layers.c_math import expf, log, tanhf


@pytest.mark.parametrize(("function", "exact"), [(expf, np.exp), (tanhf, np.tanh)])
def test_floats_are_within_two_units_of_the_last_place(
    function: Callable[[Any], Any], exact: Callable[[Any], Any]
) -> None:
    x = np.linspace(-9, 9, 4001).astype(np.float32).reshape(-1, 1)
    got = function(x)
    assert got.dtype == np.float32
    assert got.shape == x.shape
    wanted = exact(x.astype(np.float64))
    assert (np.abs(got - wanted) <= 2 * np.spacing(np.abs(wanted).astype(np.float32))).all()


def test_what_overflows_is_infinite_and_the_logarithm_is_a_double() -> None:
    assert expf(np.array([200], np.float32)).tolist() == [np.inf]
    assert log(np.array([1.0, np.e])).tolist() == [0.0, 1.0]
