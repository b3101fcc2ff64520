"""Resource: published rows stand in test_estimate; here its unrolled form, which leaves out multipliers of zeros."""

from __future__ import annotations

import numpy as np
import pytest
from cost_arrays import context, layer_of

from weft.hls.precision import FixedType, Integers
from weft.sim.cost.shared import shared_products
from weft.sim.cost.timing import Products

WIDE = FixedType(16, 6)


def built(raw: Integers, strategy: str, tool: str = "vitis-2024.1") -> Products:
    layer = layer_of(raw, WIDE, strategy, 16)
    return shared_products(layer, layer.weights["weight"], WIDE, 32, 8, context("alveo", 5.0, tool))


@pytest.mark.parametrize("tool", ["vitis-2024.1", "vivado-2020.1"])
def test_unrolled_resource_leaves_out_multipliers_of_zeros(tool: str) -> None:
    raw = np.full((32, 8), 99, np.int64)
    raw[:, :2] = 0  # the two outputs' multipliers, two each at reuse 16
    raw[0, 3] = 0  # a zero alone saves nothing
    assert built(raw, "resource", tool).resources.dsp == 16
    assert built(raw, "resource_unrolled", tool).resources.dsp == 12
    assert built(raw, "resource_unrolled", tool).best == built(raw, "resource", tool).best


def test_without_zeros_both_are_alike() -> None:
    raw = np.full((32, 8), 99, np.int64)
    assert built(raw, "resource") == built(raw, "resource_unrolled")


def test_vivado_leaves_the_last_multiplier_to_luts_where_its_constants_are_narrow() -> None:
    # wa-hls4ml-search@8e70542, 6-bit weights: 64-192 at reuse 512 has 23 DSPs, 32-160 10 (their range is 7 and 10).
    raw = np.full((32, 8), 7, np.int64)
    assert built(raw, "resource", "vivado-2020.1").resources.dsp == 15
    assert built(raw, "resource").resources.dsp == 16  # Vitis
    raw[31, 7] = 8  # the last constant of the last output
    assert built(raw, "resource", "vivado-2020.1").resources.dsp == 16


@pytest.mark.parametrize("turns", [1, 2, 4, 8])
def test_vitis_multiplexers_only_where_outputs_take_turns(turns: int) -> None:
    """A multiplier that serves one or two outputs needs no choice among all of them."""
    layer = layer_of(np.full((32, 8), 99, np.int64), WIDE, "resource", 32 * turns)
    got = shared_products(layer, layer.weights["weight"], WIDE, 32, 8, context("alveo", 5.0))
    multiplexers = 0.226 * (8 / turns) * 16 * 8 if turns > 2 else 0.0
    base = 56 * 32 + 46 * 8 + 25 * 8 if turns == 1 else 31.5 * 32 + (80.7 + 0.95 * 16) * 8
    assert got.resources.lut == pytest.approx(base + multiplexers, abs=1)
    assert (got.best, got.worst, got.interval) == (32 * turns + 1, 32 * turns + 2, 32 * turns)


# hls4ml_PYNQ_prj@a881b6f6 (xc7z020) and toptagging_gru@6478cf04 (xcu250), Vivado HLS, 5 ns: shape, bits of data and
# weights, reuse factor, family, published FF. Every multiplier keeps to one output.
DIRECT = [
    ((64, 32), 16, 32, "zynq7", 6671), ((32, 32), 16, 16, "zynq7", 5707), ((64, 32), 6, 32, "zynq7", 2835),
    ((32, 32), 6, 16, "zynq7", 2513), ((20, 64), 16, 20, "alveo", 2720), ((64, 1), 16, 32, "alveo", 2027),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "bits", "factor", "family", "ff"), DIRECT)
def test_registers_of_direct_multipliers_are_the_published_ones(
    shape: tuple[int, int], bits: int, factor: int, family: str, ff: int
) -> None:
    kind = FixedType(bits, 1)
    layer = layer_of(np.full(shape, 2 ** (bits - 1) - 1, np.int64), kind, "resource", factor)
    got = shared_products(layer, layer.weights["weight"], kind, *shape, context(family, 5.0, "vivado-2020.1"))
    assert got.resources.ff == pytest.approx(ff, rel=0.04)


@pytest.mark.parametrize(("clock_ns", "registered"), [(2.5, 64), (5.0, 64), (10.0, 48), (25.0, 16), (100.0, 0)])
def test_a_slower_clock_registers_less_of_a_product(clock_ns: float, registered: int) -> None:
    layer = layer_of(np.full((32, 32), 99, np.int64), WIDE, "resource", 16)
    got = shared_products(layer, layer.weights["weight"], WIDE, 32, 32, context("zynq7", clock_ns))
    assert got.resources.ff == 2 * 16 * 32 + 16 * 32 + 64 * registered
