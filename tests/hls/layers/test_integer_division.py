"""C++ division and conversion to int, against Python's integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.layers.integer_division import as_int, truncated_quotient

INTEGERS = st.integers(-(2**50), 2**50)


@given(INTEGERS, st.integers(-64, 64).filter(bool))
def test_a_quotient_is_rounded_towards_zero(raw: int, divisor: int) -> None:
    assert int(truncated_quotient(np.array(raw), divisor)) == math.trunc(Fraction(raw, divisor))


@given(INTEGERS, st.integers(-8, 20))
def test_an_int_keeps_32_bits_of_the_truncated_value(raw: int, fraction: int) -> None:
    value = math.trunc(Fraction(raw) / Fraction(2) ** fraction)
    assert int(as_int(np.array(raw), fraction)) == (value + 2**31) % 2**32 - 2**31
