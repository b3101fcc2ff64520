"""Distributed arithmetic, against adder graphs that da4ml 0.6 made with hls4ml 1.3's settings."""

from __future__ import annotations

import numpy as np
import pytest
from cost_arrays import context, layer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.boards.errors import InputError
from weft.hls.precision import FixedType
from weft.sim.cost.constants import signed_digits
from weft.sim.cost.distributed import distributed_products
from weft.sim.cost.timing import Products

BYTE = FixedType(8, 1)


def built(n_in: int, n_out: int, bits: int, clock_ns: float = 5.0, factor: int = 1) -> tuple[Products, int]:
    """Of weights uniform in the whole range, and their signed digits."""
    raw = np.random.default_rng(0).integers(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1), (n_in, n_out))
    layer = layer_of(raw, FixedType(bits, 1), "distributed_arithmetic", factor)
    array = distributed_products(layer, layer.weights["weight"], BYTE, n_out, context("alveo", clock_ns))
    return array, int(signed_digits(raw).sum())


# The bits of all of da4ml's additions, of weights drawn in the same way, 8 data bits.
GRAPHS = [
    (16, 16, 4, 2094), (16, 16, 8, 4349), (32, 32, 4, 7994), (32, 32, 8, 15928), (64, 64, 4, 29651),
    (64, 64, 8, 58590), (16, 64, 6, 11308), (64, 16, 6, 12024), (64, 64, 2, 11548),
]  # fmt: skip


@pytest.mark.parametrize(("n_in", "n_out", "bits", "cost"), GRAPHS)
def test_luts_are_near_the_bits_of_an_adder_graph(n_in: int, n_out: int, bits: int, cost: int) -> None:
    array, _ = built(n_in, n_out, bits)
    assert array.resources.lut == pytest.approx(cost, rel=0.2)
    assert (array.resources.dsp, array.resources.bram18) == (0, 0)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 32), st.integers(1, 32), st.integers(2, 8))
def test_a_graph_takes_a_sample_every_cycle_and_never_more_adders_than_digits(n_in: int, n_out: int, bits: int) -> None:
    array, digits = built(n_in, n_out, bits)
    assert array.interval == 1
    assert array.best <= array.worst
    assert array.resources.lut <= digits * (BYTE.width + 2 + bits)
    assert built(n_in, n_out, bits, clock_ns=20.0)[0].worst <= array.worst


def test_reuse_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="layer one: distributed arithmetic needs reuse factor 1, not 4"):
        built(8, 8, 4, factor=4)
