"""Every kind of layer that has a meaning has a cost."""

from __future__ import annotations

import pytest

from weft.hls.layers import MEANINGS
from weft.sim import estimate
from weft.sim.cost import COSTS


def test_every_kind_with_a_meaning_has_a_cost() -> None:
    assert set(MEANINGS) - set(COSTS) == set()


# hls4ml has Einsum and LayerNormalization, which the attention network is of, in io_parallel only.
FAMILIES = [
    (family, io) for family in ("image", "dense", "activation", "sequence") for io in ("io_parallel", "io_stream")
]


@pytest.mark.parametrize(("family", "io"), [*FAMILIES, ("attention", "io_parallel")])
def test_what_hls4ml_describes_can_be_estimated(family: str, io: str) -> None:
    """hls4ml's own attribute names and weights serve every cost."""
    pytest.importorskip("hls4ml")
    import random_graphs
    from exactness import design_of

    design = design_of(getattr(random_graphs, f"{family}_network")(1, io), f"net_{family}")
    report = estimate(design, "zcu104")
    named = {layer.name for layer in design.layers if layer.kind != "Input"}
    assert named <= {row.name for row in report.layers}
    assert 0 < report.latency_cycles.best <= report.latency_cycles.worst
    assert report.resources.uram == 0
