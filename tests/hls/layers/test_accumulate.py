"""Sums in the orders that hls4ml's kernels add in, against Python's integers one by one."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Layer
from weft.hls.layers.accumulate import added, kernel_order, tree_sum
from weft.hls.precision import FixedType

VALUES = st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=9)
ROUNDINGS = st.sampled_from(["TRN", "TRN_ZERO", "RND", "RND_CONV"])


@given(VALUES, ROUNDINGS, st.sampled_from(["WRAP", "SAT", "SAT_ZERO"]), st.sampled_from([16, 60]))
def test_each_addition_is_exact_and_then_cast(values: list[int], rounding: str, overflow: str, width: int) -> None:
    """Terms with 6 fraction bits more than the accumulator has."""
    kind = FixedType.parse(f"fixed<{width},{width - 4},{rounding},{overflow}>")
    expected = reduce(lambda total, x: int(kind.cast(np.array((total << 6) + x, object), 10)), values, 0)
    assert int(added(np.array(0), np.array(values), 22, 10, kind)) == expected


@given(VALUES)
def test_a_tree_joins_the_largest_power_of_two_first(values: list[int]) -> None:
    kind = FixedType(21, 21, overflow="SAT")

    def joined(part: list[int]) -> int:
        if len(part) == 1:
            return part[0]
        left = 1 << ((len(part) - 1).bit_length() - 1)
        return min(max(joined(part[:left]) + joined(part[left:]), kind.minimum), kind.maximum)

    assert int(tree_sum(np.array(values), kind)) == joined(values)


@pytest.mark.parametrize(
    ("strategy", "reuse_factor", "order"),
    [("latency", 3, [0, 1, 2, 3, 4, 5]), ("resource", 3, [0, 3, 1, 4, 2, 5]), ("resource", 12, [0, 1, 2, 3, 4, 5])],
)
def test_resource_kernels_take_their_inputs_in_rounds(strategy: str, reuse_factor: int, order: list[int]) -> None:
    layer = Layer("dense", "Dense", ("x",), ("y",), strategy=strategy)
    assert kernel_order(layer, 6, reuse_factor).tolist() == order


def test_a_depthwise_kernels_rounds_count_every_channels_values() -> None:
    """Channel 1 of 2, six cells: values 1, 3, 5, 7, 9 and 11, of which four rounds take 1, 5, 9, then 3, 7, 11."""
    layer = Layer("conv", "DepthwiseConv2D", ("x",), ("y",), strategy="resource")
    assert kernel_order(layer, 6, 4, stride=2, first=1).tolist() == [0, 2, 4, 1, 3, 5]
