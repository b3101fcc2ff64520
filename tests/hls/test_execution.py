"""Running a design made by hand: the arithmetic written out, and inputs that are wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_designs import dense_design

from weft.boards.errors import InputError
from weft.hls.design import Design, Layer, Weight
from weft.hls.layers.accumulate import exact_matmul, kernel_order, sums_of_products
from weft.hls.layers.operand import Operand
from weft.hls.precision import FixedType

DESIGN = dense_design()


def by_hand(raw: NDArray[np.int64]) -> list[list[int]]:
    """Python integers: products have 5 + 3 fraction bits, the accumulator 8, the result 4."""
    weights, bias = DESIGN.layers[1].weights["weight"].raw, DESIGN.layers[1].weights["bias"].raw
    rows = []
    for sample in raw.tolist():
        row = []
        for column in range(3):
            total = sum(x * int(w) for x, w in zip(sample, weights[:, column], strict=True))
            total = (total + (int(bias[column]) << 5) + 2**15) % 2**16 - 2**15
            quotient, rest = divmod(max(total, 0), 16)
            row.append(min(quotient + (rest > 8 or (rest == 8 and quotient % 2 == 1)), 255))
        rows.append(row)
    return rows


@given(st.lists(st.lists(st.integers(-128, 127), min_size=4, max_size=4), min_size=1, max_size=20))
def test_a_dense_layer_is_the_sum_written_out(samples: list[list[int]]) -> None:
    raw = np.array(samples, np.int64)
    assert np.asarray(DESIGN.run(raw)).tolist() == by_hand(raw)


def test_floats_are_quantised_and_integers_taken_raw() -> None:
    raw = np.array([[-128, 127, 5, -3]])
    np.testing.assert_array_equal(DESIGN.run(raw / 32), DESIGN.run(raw))
    np.testing.assert_array_equal(DESIGN.predict(raw), np.asarray(DESIGN.run(raw)) / 16)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros((2, 5)), "has shape"),
        (np.float64(1), "has shape"),
        (np.array([["a"] * 4]), "dtype"),
        (np.full((1, 4), np.nan), "NaN"),
        (np.full((1, 4), 200), "outside"),
        ([np.zeros((1, 4))] * 2, "2 arrays"),
    ],
)
def test_wrong_inputs_are_named(value: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        DESIGN.run(value)


def with_layer(**changes: Any) -> Design:
    layers = list(DESIGN.layers)
    layers[1] = replace(layers[1], **changes)
    return replace(DESIGN, layers=tuple(layers))


@pytest.mark.parametrize(
    ("design", "named"),
    [
        (with_layer(kind="Garnet"), "dense_1: .* kind Garnet"),
        (with_layer(strategy="compressed"), r"dense_1: Dense with strategy compressed has no C\+\+"),
    ],
)
def test_what_is_not_exact_is_refused_by_name(design: Design, named: str) -> None:
    with pytest.raises(NotImplementedError, match=named):
        design.run(np.zeros((1, 4)))


def test_a_circle_and_a_missing_tensor_are_named() -> None:
    layers = list(DESIGN.layers)
    circle = replace(DESIGN, layers=(layers[0], replace(layers[1], inputs=("relu_2",)), layers[2]))
    with pytest.raises(InputError, match="design net_small has a cycle: dense_1 reads relu_2 reads dense_1: break it"):
        circle.run(np.zeros((1, 4)))
    with pytest.raises(InputError, match="layer dense_1 reads nowhere, which no layer before it gives"):
        with_layer(inputs=("nowhere",)).run(np.zeros((1, 4)))


@given(st.integers(1, 62), st.integers(0, 2**31))
def test_matrix_products_are_exact_at_every_width(bits: int, seed: int) -> None:
    """Through BLAS below 2**53, in int64 above, modulo 2**64 beyond."""
    random = np.random.default_rng(seed)
    rows = random.integers(-(2**bits), 2**bits, (3, 5))
    weights = random.integers(-(2**20), 2**20, (5, 2))
    exact = rows.astype(object) @ weights.astype(object)
    expected = np.array([[(int(v) + 2**63) % 2**64 - 2**63 for v in row] for row in exact])
    np.testing.assert_array_equal(exact_matmul(rows, weights), expected)


def test_a_narrow_accumulator_rounds_every_product_by_itself() -> None:
    rows = Operand(np.array([[3, 3, 3]]), FixedType(8, 4))
    weight = Weight(np.array([[5], [5], [5]]), FixedType(8, 4))
    bias = Weight(np.array([0]), FixedType(8, 4))
    # 15 / 256 is 3.75 / 64: truncated to 3 each, 9 in all; the whole sum truncated would be 11.
    accumulator = FixedType(16, 10)
    assert sums_of_products(rows, weight, bias, accumulator, np.arange(3)).tolist() == [[9]]


@pytest.mark.parametrize(("reuse_factor", "total"), [(1, -73), (2, 0), (4, -73)])
def test_a_saturating_sum_takes_its_inputs_in_the_kernels_order(reuse_factor: int, total: int) -> None:
    """100 + 100 clips at 127 on its way; with every second input first, 100 - 100 + 100 - 100 does not."""
    layer = Layer("dense", "Dense", ("x",), ("y",), strategy="resource", reuse_factor=reuse_factor)
    kind = FixedType(8, 8, overflow="SAT")
    rows, ones = Operand(np.array([[100, 100, -100, -100]]), FixedType(8, 8)), np.ones((4, 1), np.int64)
    order = kernel_order(layer, 4, reuse_factor)
    bias = Weight(np.zeros(1, np.int64), FixedType(8, 8))
    assert sums_of_products(rows, Weight(ones, FixedType(2, 2)), bias, kind, order).tolist() == [[total]]
