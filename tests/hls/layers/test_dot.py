"""Sums in order, and the dot product written out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Layer, Tensor
from weft.hls.layers.dot import dot, in_order
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType


def test_a_saturating_sum_clips_at_every_step() -> None:
    terms = np.array([[100, 100, -100], [-100, -100, 100]])
    assert in_order(terms, FixedType(8, 4, overflow="SAT")).tolist() == [27, -28]
    assert in_order(terms, FixedType(8, 4)).tolist() == [100, -100]


@given(st.lists(st.tuples(st.integers(-128, 127), st.integers(-128, 127)), min_size=1, max_size=6))
def test_every_product_is_cut_to_the_accumulator(pairs: list[tuple[int, int]]) -> None:
    layer = Layer("dot", "Dot", ("a", "b"), ("c",), {"accum_t": FixedType(32, 28)})
    operands = [Operand(np.array([[pair[side] for pair in pairs]]), FixedType(8, 4)) for side in (0, 1)]
    total = sum(Fraction(first * second, 256) // Fraction(1, 16) for first, second in pairs)
    assert dot(layer, operands, Tensor("c", (1,), FixedType(32, 28))).tolist() == [[total]]


def test_types_with_products_of_their_own_are_refused() -> None:
    layer = Layer("dot", "Dot", ("a", "b"), ("c",), {"accum_t": FixedType(32, 28)})
    operands = [Operand(np.zeros((1, 2), np.int64), kind) for kind in (FixedType(8, 4), FixedType(2, 2))]
    with pytest.raises(NotImplementedError, match="layer dot: products of"):
        dot(layer, operands, Tensor("c", (1,), FixedType(32, 28)))
