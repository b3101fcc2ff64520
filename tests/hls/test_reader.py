"""What of a ModelGraph is refused as it is read, and what hls4ml decides only in the C++ that it writes."""

from __future__ import annotations

from typing import Any

import pytest

from weft.boards.errors import InputError
from weft.hls.design import Design

pytest.importorskip("hls4ml")
from random_graphs import RandomNetwork


def dense_graph(io: str, **types: str) -> Any:
    network = RandomNetwork(0, io)
    name = network.dense(network.input(3), 2, "Latency")
    network.config[name]["Precision"] |= types
    return network.graph("net_read")


@pytest.mark.parametrize("kind", ["fixed<65,30>", "ufixed<64,30>"])
@pytest.mark.parametrize("role", ["result", "accum", "weight"])
def test_a_type_that_is_too_wide_is_named(role: str, kind: str) -> None:
    with pytest.raises(InputError, match=r"layer_1.* has type u?fixed<6.,30.*exact up to 64 bits.*: narrow it"):
        Design.from_hls4ml(dense_graph("io_parallel", **{role: kind}))


def test_a_fifo_of_no_depth_is_named() -> None:
    graph = dense_graph("io_stream")
    variable = next(iter(graph.get_layers())).get_output_variable()
    variable.pragma = ("stream", 0)
    with pytest.raises(InputError, match="tensor layer_0 has a FIFO depth of 0"):
        Design.from_hls4ml(graph)


def test_minus_two_of_an_integer_of_two_bits_counts_as_one() -> None:
    """hls4ml's product for ternary weights (nnet_mult.h) knows 0 and -1; all else is 1."""
    graph = dense_graph("io_parallel", weight="int<2>")
    node = next(node for node in graph.get_layers() if node.class_name == "Dense")
    node.weights["weight"].data[:] = [[-2, -1], [0, 1], [-2, 1]]
    (layer,) = (layer for layer in Design.from_hls4ml(graph).layers if layer.kind == "Dense")
    assert layer.weights["weight"].raw.tolist() == [[1, -1], [0, 1], [1, 1]]
