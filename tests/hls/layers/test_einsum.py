"""LayerNormalization, Einsum, EinsumDense and an unrolled Dense against the compiled C++."""

from __future__ import annotations

import pytest

pytest.importorskip("hls4ml")
from exactness import assert_exact, design_of, kinds_of
from random_graphs import attention_network


def test_every_layer_gives_the_integers_of_the_compiled_firmware() -> None:
    design = design_of(attention_network(1, "io_parallel"), "net_attention")
    assert {"LayerNormalization", "Einsum", "EinsumDense"} <= kinds_of(design)
    assert "resource_unrolled" in {layer.strategy for layer in design.layers}
    assert_exact(design, 1)
