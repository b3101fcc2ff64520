"""Every value has a type of its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.layers.operand import Operand
from weft.hls.layers.quantiser import fixed_point_quantizer
from weft.hls.precision import FixedType

DATA, RESULT = FixedType(12, 6), FixedType(24, 10)
TYPES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(-2, 8)), min_size=4, max_size=4)


@given(TYPES, st.sampled_from(["TRN", "RND", "RND_CONV"]), st.sampled_from(["WRAP", "SAT"]), st.integers(0, 2**20))
def test_each_is_cast_by_its_own_type_and_no_bits_give_zero(
    types: list[tuple[int, int, int]], rounding: str, overflow: str, seed: int
) -> None:
    raw = np.random.default_rng(seed).integers(DATA.minimum, DATA.maximum + 1, (5, 2, 2))
    attributes = {"quantiser_rounding": rounding, "quantiser_overflow": overflow}
    weights = {"quantiser": Weight(np.array(types), FixedType(16, 16))}
    layer = Layer("q", "FixedPointQuantizer", ("x",), ("y",), attributes, weights)
    got = fixed_point_quantizer(layer, [Operand(raw, DATA)], Tensor("y", (2, 2), RESULT)).reshape(5, 4)
    for column, (signed, width, integer) in enumerate(types):
        if width == 0:
            assert not got[:, column].any()
            continue
        prefix = "" if signed else "u"
        kind = FixedType.parse(f"{prefix}fixed<{width},{integer},{rounding},{overflow}>")
        cast = kind.cast(raw.reshape(5, 4)[:, column], DATA.fraction)
        np.testing.assert_array_equal(got[:, column], RESULT.cast(cast, kind.fraction))
