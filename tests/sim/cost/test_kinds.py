"""Every kind of layer that has a meaning has a cost."""

from __future__ import annotations

import pytest

from weft.hls.layers import MEANINGS
from weft.sim import estimate
from weft.sim.cost import COSTS


def test_every_kind_with_a_meaning_has_a_cost() -> None:
    assert set(MEANINGS) - set(COSTS) == set()


@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("seed", range(4))
def test_what_hls4ml_describes_can_be_estimated(seed: int, io: str) -> None:
    """hls4ml's own attribute names and weights serve every cost; four seeds hold every kind."""
    pytest.importorskip("hls4ml")
    from exactness import design_of
    from random_graphs import random_network

    design = design_of(random_network(seed, io), f"net_{seed}")
    report = estimate(design, "zcu104")
    named = {layer.name for layer in design.layers if layer.kind != "Input"}
    assert named <= {row.name for row in report.layers}
    assert 0 < report.latency_cycles.best <= report.latency_cycles.worst
    assert report.resources.uram == 0
