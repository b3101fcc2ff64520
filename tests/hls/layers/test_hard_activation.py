"""Activations beyond dense_network's, softmax over an axis of several, cropping, dot and separable convolution against
the compiled C++."""

from __future__ import annotations

import pytest

pytest.importorskip("hls4ml")
from exactness import assert_exact, design_of, kinds_of
from random_graphs import activation_network


@pytest.mark.parametrize(("seed", "io"), [(0, "io_parallel"), (1, "io_stream")])
def test_every_layer_gives_the_integers_of_the_compiled_firmware(seed: int, io: str) -> None:
    design = design_of(activation_network(seed, io), f"net_activations_{seed}")
    assert {"HardActivation", "Cropping1D", "Cropping2D", "DepthwiseConv2D", "Softmax"} <= kinds_of(design)
    assert "SeparableConv2D" not in kinds_of(design)  # hls4ml splits it
    assert_exact(design, seed)
