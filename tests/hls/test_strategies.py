"""Strategies and reuse factors: those that hls4ml has kernels for, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cost_designs import WORD, plain, single, weight
from hypothesis import given
from hypothesis import strategies as st

from weft.boards.errors import InputError
from weft.hls.design import Layer, Tensor
from weft.hls.strategies import Choice, check_choices, products, valid_factors, valid_reuse_factors, valid_strategies

DENSE = replace(plain("Dense"), weights={"weight": weight(12, 8)})
CONV = replace(plain("Conv2D"), weights={"weight": weight(3, 3, 2, 4)})
DEPTHWISE = replace(plain("DepthwiseConv2D"), weights={"weight": weight(3, 3, 4, 1)})


@given(st.integers(1, 40), st.integers(1, 40))
def test_valid_factors_are_hls4mls(n_in: int, n_out: int) -> None:
    backends = pytest.importorskip("hls4ml.backends")
    assert list(valid_factors(n_in, n_out)) == backends.get_backend("Vitis").get_valid_reuse_factors(n_in, n_out)


def test_a_layer_multiplies_its_window_by_its_outputs() -> None:
    assert products(DENSE) == (12, 8)
    assert products(CONV) == (18, 4)
    assert products(plain("Activation")) is None
    assert valid_reuse_factors(plain("Activation"), "io_stream") == [1]


def test_a_parallel_convolution_is_reused_at_most_over_its_window() -> None:
    """Above n_in its Resource kernel reads beyond the window."""
    assert max(valid_reuse_factors(CONV, "io_stream")) == 72
    assert max(valid_reuse_factors(CONV, "io_parallel")) == 18
    assert max(valid_reuse_factors(DENSE, "io_parallel")) == 96


def test_a_parallel_depthwise_convolution_has_no_resource_kernel() -> None:
    assert valid_strategies(DEPTHWISE, "io_parallel") == ("latency",)
    assert valid_strategies(DEPTHWISE, "io_stream") == ("latency", "resource")
    assert valid_strategies(plain("Softmax"), "io_stream") == ("latency",)


@pytest.mark.parametrize(
    ("layer", "choice", "said"),
    [
        (DENSE, Choice("resource", 5), "reuse factor 5 is not valid for layer one .*nearest valid one is 4"),
        (DENSE, Choice("latency", 97), "nearest valid one is 96"),
        (DEPTHWISE, Choice("resource", 1), "cannot have strategy resource"),
    ],
)
def test_what_hls4ml_would_correct_in_silence_is_refused(layer: Layer, choice: Choice, said: str) -> None:
    design = single(layer, "io_parallel", Tensor("x", (12,), WORD), Tensor("y", (8,), WORD))
    with pytest.raises(InputError, match=said):
        check_choices(design, choice)
    with pytest.raises(InputError, match=said):
        check_choices(design, {"one": choice})
    check_choices(design, {"another": choice})
