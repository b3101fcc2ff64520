"""Dot, Einsum and EinsumDense by hls4ml's own pragmas."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cost_designs import WORD, cost_of, plain, single, weight
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Layer, Tensor


@given(st.integers(1, 64), st.integers(1, 16))
def test_products_of_values_take_turns_on_the_multipliers_that_hls4ml_allows(size: int, reuse: int) -> None:
    layer = replace(plain("Dot"), reuse_factor=reuse)
    design = single(
        layer, "io_parallel", Tensor("a", (size,), WORD), Tensor("y", (1,), WORD), Tensor("b", (size,), WORD)
    )
    cost = cost_of(design, "xcu250", "vitis-2024.1")
    assert cost.resources.dsp == -(-size // reuse)  # ALLOCATION mul limit = DIV_ROUNDUP(n_in, RF)
    assert cost.worst.interval == reuse
    assert cost.worst.latency >= reuse - 1


def einsum(reuse: int = 1) -> Layer:
    return replace(plain("Einsum", n_inplace=2, n_contract=4, n_free0=3, n_free1=5), reuse_factor=reuse)


@pytest.mark.parametrize(("reuse", "dsp"), [(1, 120), (7, 18)])
def test_einsum_multiplies_everything_at_once(reuse: int, dsp: int) -> None:
    first, second = Tensor("a", (2, 3, 4), WORD), Tensor("b", (2, 4, 5), WORD)
    cost = cost_of(
        single(einsum(reuse), "io_parallel", first, Tensor("y", (2, 3, 5), WORD), second), "xcu250", "vitis-2024.1"
    )
    assert cost.resources.dsp == dsp
    assert cost.worst.interval == reuse


@pytest.mark.parametrize(("strategy", "reuse", "copies"), [("latency", 1, 6), ("resource", 4, 2)])
def test_rows_are_copied_in_a_pipeline_and_take_turns_in_dataflow(strategy: str, reuse: int, copies: int) -> None:
    """A Resource layer makes hls4ml choose dataflow, where the parallelization factor counts."""
    layer = plain("EinsumDense", n_inplace=1, n_contract=8, n_free_data=6, n_free_kernel=4, parallelization_factor=2)
    layer = replace(layer, strategy=strategy, reuse_factor=reuse, weights={"weight": weight(1, 8, 4)})
    one = replace(layer, attributes={**layer.attributes, "n_free_data": 1})
    whole, row = (
        cost_of(
            single(step, "io_parallel", Tensor("x", (6, 8), WORD), Tensor("y", (6, 4), WORD)), "xcu250", "vitis-2024.1"
        )
        for step in (layer, one)
    )
    assert whole.resources.dsp == copies * row.resources.dsp
    assert whole.worst.interval == row.worst.interval * (6 // copies)
