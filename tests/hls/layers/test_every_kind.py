"""Design.run against hls4ml's compiled C++, integer for integer, on random networks that hold every layer kind."""

from __future__ import annotations

from functools import cache

import pytest

from weft.hls.layers import MEANINGS

pytest.importorskip("hls4ml")
from exactness import assert_exact, design_of, kinds_of
from random_graphs import random_network

from weft.hls.design import Design

#: Networks of twelve cases of random_graphs.CASES; four in a row hold every case that hls4ml has for an io type.
NETWORKS = [
    *(("io_parallel", seed, False) for seed in range(4)),
    *(("io_stream", seed, False) for seed in range(4)),
    *(("io_parallel", seed, True) for seed in range(2)),
    *(("io_stream", seed, True) for seed in range(2)),
]
#: Kinds that no layer list makes, with the tests that compare them with compiled C++.
ELSEWHERE = {
    "ApplyAlpha": "tests/hls/test_front_ends.py (QONNX)",
    "Broadcast": "tests/hls/layers/test_merge.py (Vivado backend)",
    "FixedPointQuantizer": "tests/hls/test_front_ends.py (HGQ2)",
}
#: What hls4ml has no streams for.
PARALLEL_ONLY = {"Bidirectional", "Dot", "Einsum", "EinsumDense", "LayerNormalization", "TimeDistributed"}
#: What hls4ml puts between streams.
STREAM_ONLY = {"Clone", "Repack"}


@cache
def network_design(io: str, seed: int, odd: bool) -> Design:
    name = f"random_{io}_{seed}_{'odd' if odd else 'plain'}"
    return design_of(random_network(seed, io, odd=odd), name)


@pytest.mark.parametrize(("io", "seed", "odd"), NETWORKS)
def test_every_layer_gives_the_integers_of_the_compiled_firmware(io: str, seed: int, odd: bool) -> None:
    assert_exact(network_design(io, seed, odd), seed)


@pytest.mark.parametrize(("io", "others"), [("io_parallel", STREAM_ONLY), ("io_stream", PARALLEL_ONLY)])
def test_no_kind_goes_without_that_comparison(io: str, others: set[str]) -> None:
    found = set().union(*(kinds_of(network_design(*network)) for network in NETWORKS if network[::2] == (io, False)))
    assert found - {"Input"} == set(MEANINGS) - set(ELSEWHERE) - others
