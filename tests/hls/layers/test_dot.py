"""Sums in order, and the dot product written out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Layer, Tensor
from weft.hls.layers.accumulate import in_order
from weft.hls.layers.dot import dot
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType


def test_a_saturating_sum_clips_at_every_step() -> None:
    terms = np.array([[100, 100, -100], [-100, -100, 100]])
    for overflow, expected in (("SAT", [27, -28]), ("WRAP", [100, -100])):
        kind = FixedType.parse(f"fixed<8,4,TRN,{overflow}>")
        assert in_order(np.zeros(2, np.int64), iter(terms.T), kind).tolist() == expected


@given(st.lists(st.tuples(st.integers(-128, 127), st.integers(-128, 127)), min_size=1, max_size=6))
def test_every_product_is_cut_to_the_accumulator(pairs: list[tuple[int, int]]) -> None:
    layer = Layer("dot", "Dot", ("a", "b"), ("c",), {"accum_t": FixedType(32, 28)})
    operands = [Operand(np.array([[pair[side] for pair in pairs]]), FixedType(8, 4)) for side in (0, 1)]
    total = sum(Fraction(first * second, 256) // Fraction(1, 16) for first, second in pairs)
    assert dot(layer, operands, Tensor("c", (1,), FixedType(32, 28))).tolist() == [[total]]


def test_a_type_that_hls4ml_takes_for_ternary_is_refused() -> None:
    layer = Layer("dot", "Dot", ("a", "b"), ("c",), {"accum_t": FixedType(32, 28)})
    operands = [Operand(np.zeros((1, 2), np.int64), kind) for kind in (FixedType(8, 4), FixedType(2, 2))]
    with pytest.raises(NotImplementedError, match="layer dot: hls4ml multiplies by fixed<2,2>"):
        dot(layer, operands, Tensor("c", (1,), FixedType(32, 28)))
