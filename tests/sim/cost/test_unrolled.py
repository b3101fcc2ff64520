"""Latency: published rows stand in test_estimate; here how cycles and fabric move with shape, clock, tool and reuse."""

from __future__ import annotations

import numpy as np
import pytest
from cost_arrays import context, layer_of
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import initial, trained

from weft.hls.precision import FixedType
from weft.sim.cost.timing import Products
from weft.sim.cost.unrolled import unrolled_products

DATA = FixedType(16, 6)


def built(
    n_in: int, n_out: int, bits: int = 8, factor: int = 1, family: str = "zynq7", clock_ns: float = 5.0,
    tool: str = "vitis-2024.1", strategy: str = "latency", data: FixedType = DATA,
) -> Products:  # fmt: skip
    kind = FixedType(bits, 1)
    layer = layer_of(initial(np.random.default_rng(0), kind, (n_in, n_out)), kind, strategy, factor)
    return unrolled_products(layer, layer.weights["weight"], data, n_out, context(family, clock_ns, tool))


# hls4ml_MLP_estimator@72e2e22e, Vitis HLS 2021.1, xc7z007s-2: shape, zeros, DSP at reuse 1, clock, published latency at
# reuse 1 and 100. Weights are drawn with these counts.
PUBLISHED = [
    ((64, 6), 86, 89, 5.0, 5, 25), ((64, 64), 2130, 129, 5.0, 5, 9), ((32, 10), 27, 120, 5.0, 5, 32),
    ((56, 64), 936, 219, 5.0, 5, 11), ((64, 32), 930, 275, 3.33, 8, 27), ((32, 32), 438, 202, 3.33, 7, 33),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "zeros", "dsp", "clock_ns", "alone", "shared"), PUBLISHED)
def test_zynq_latency_is_the_published_one(
    shape: tuple[int, int], zeros: int, dsp: int, clock_ns: float, alone: int, shared: int
) -> None:
    kind = FixedType(8, 1)
    raw = trained(np.random.default_rng(0), kind, shape, zeros, dsp)
    for factor, latency in ((1, alone), (100, shared)):
        layer = layer_of(raw, kind, "latency", factor)
        got = unrolled_products(layer, layer.weights["weight"], FixedType(8, 1, False), shape[1],
                                context("zynq7", clock_ns, "vitis-2021.1"))  # fmt: skip
        assert (got.best, got.interval) == (latency, min(factor, latency + 1))


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 48), st.integers(1, 48), st.integers(2, 14), st.sampled_from(["zynq7", "alveo"]))
def test_a_slower_clock_takes_no_more_cycles_and_registers(n_in: int, n_out: int, bits: int, family: str) -> None:
    slow, fast = (built(n_in, n_out, bits, family=family, clock_ns=clock_ns) for clock_ns in (10.0, 2.5))
    assert slow.best <= fast.best
    assert slow.resources.ff <= fast.resources.ff
    assert slow.resources.lut == fast.resources.lut


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 32), st.integers(1, 32), st.integers(1, 600), st.sampled_from(["vitis-2024.1", "vivado-2020.1"]))
def test_more_reuse_takes_no_more_dsps_and_no_less_time(n_in: int, n_out: int, factor: int, tool: str) -> None:
    few, many = (built(n_in, n_out, 10, reuse, tool=tool) for reuse in (factor, factor + 1))
    assert few.resources.dsp >= many.resources.dsp
    assert few.interval <= many.interval <= factor + 1
    assert few.best <= many.best


def test_a_chain_of_many_products_is_slower_than_a_tree() -> None:
    tree, chain = built(64, 64), built(65, 64)
    assert tree.best == 6
    assert chain.best > 20


def test_a_word_is_no_wider_than_its_accumulator() -> None:
    narrow, wide = (built(16, 16, data=FixedType(bits, 1)) for bits in (4, 24))
    assert narrow.resources.lut < wide.resources.lut
    assert narrow.resources.dsp == 0  # 4 bits multiply in LUTs


def test_resource_at_reuse_1_is_a_loop_in_vivado_and_a_pipeline_in_vitis() -> None:
    vivado, vitis = (built(32, 32, family="alveo", tool=tool, strategy="resource")
                     for tool in ("vivado-2020.1", "vitis-2023.2"))  # fmt: skip
    assert (vivado.best, vivado.interval) == (1, 2)
    assert (vitis.best, vitis.interval) == (1, 1)


def test_turns_are_all_there_is_at_a_slow_clock() -> None:
    """What follows the last turn's start fits its cycle: T turns take T - 1, as 128-3 at 25 ns shows (5 and 11)."""
    multiplied = built(32, 32, 10, clock_ns=25.0).resources.dsp
    shared = built(32, 32, 10, 512, clock_ns=25.0)  # on two multipliers
    assert shared.resources.dsp == 2
    assert multiplied / 2 - 1 <= shared.best <= multiplied / 2 + 8  # 11 and 13 are multiplied, too, but in LUTs
    assert built(32, 32, 10, 512, clock_ns=5.0).best == shared.best + 3
