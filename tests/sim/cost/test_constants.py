"""What constants ask for, against hand counts and the definition of the signed-digit form."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Weight
from weft.hls.precision import FixedType
from weft.sim.cost.constants import constants_of, signed_digits

BYTE = FixedType(8, 1)


def matrix(*rows: list[int]) -> Weight:
    return Weight(np.array(rows, np.int64), BYTE)


@given(st.integers(-(2**40), 2**40))
def test_signed_digits_are_the_fewest(value: int) -> None:
    digits, rest = 0, abs(value)
    while rest:  # the definition of the non-adjacent form
        if rest & 1:
            rest -= 2 - (rest & 3)
            digits += 1
        rest >>= 1
    assert signed_digits(np.array([value]))[0] == digits


def test_counts_by_hand() -> None:
    # 19 = 16 + 4 - 1 and 11 = 8 + 4 - 1 need a multiplier, 11 one of 4 bits; 3 = 4 - 1 an adder, 8 a shift.
    counts = constants_of(matrix([0, 8, 3], [19, 11, 3]), 3, True)
    assert (counts.count, counts.nonzero) == (6, 5)
    assert (counts.terms, counts.simple_terms) == (1 + 2 + 3 + 3 + 2, 1 + 2 + 2)
    assert (counts.adders, counts.simple_adders) == (1 + 2 + 2 + 1, 1 + 1)
    assert (counts.multiplied, counts.wide) == (2, 1)
    assert not counts.aligned


def test_equal_products_of_an_input_are_made_once() -> None:
    weight = matrix([19, 19, -19, 3], [19, 0, 3, 3])
    assert constants_of(weight, 4, True).multiplied == 3  # 19 and -19 of the first input, 19 of the second
    assert constants_of(weight, 4, False).multiplied == 4  # every output has inputs of its own
    assert constants_of(weight, 4, True).simple_adders == 2
    assert constants_of(weight, 4, True).nonzero == 7  # each is a term of its sum nevertheless


def test_a_positive_constant_is_narrower_than_its_negative() -> None:
    assert constants_of(matrix([11, 13, -11, -13, 19]), 5, True).wide == 3


def test_no_constants_at_all() -> None:
    counts = constants_of(matrix([0, 0]), 2, True)
    assert (counts.nonzero, counts.terms, counts.multiplied, counts.aligned) == (0, 0, 0, True)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=24), st.integers(1, 4))
def test_sharing_only_takes_away(values: list[int], n_out: int) -> None:
    weight = Weight(np.array((values * n_out)[: len(values) // n_out * n_out or n_out], np.int64), BYTE)
    shared, alone = (constants_of(weight, n_out, one_input) for one_input in (True, False))
    assert shared.multiplied <= alone.multiplied
    assert shared.adders <= alone.adders
    assert shared.wide <= shared.multiplied
    assert (shared.terms, shared.nonzero) == (alone.terms, alone.nonzero)
