"""Merges of operands of unlike shapes."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.hls.design import Design, Layer, Tensor
from weft.hls.precision import FixedType

KIND = FixedType(16, 8)


def merge_design(first: tuple[int, ...], second: tuple[int, ...], operation: str) -> Design:
    shapes = {"x": first, "y": second, "z": max(first, second, key=prod)}
    layers = (
        *(Layer(name, "Input", (), (name,)) for name in ("x", "y")),
        Layer("merge", "Merge", ("x", "y"), ("z",), {"op": operation}),
    )
    tensors = {name: Tensor(name, shape, KIND) for name, shape in shapes.items()}
    return Design("net", "io_parallel", 5.0, "part", layers, tensors, ("x", "y"), ("z",))


@given(
    st.lists(st.integers(-100, 100), min_size=12, max_size=12), st.lists(st.integers(-100, 100), min_size=3, max_size=3)
)
def test_the_smaller_operand_begins_again_where_it_ends(many: list[int], few: list[int]) -> None:
    design = merge_design((4, 3), (3,), "add")
    expected = [a + b for a, b in zip(many, few * 4, strict=True)]
    assert np.asarray(design.run([np.array([many]).reshape(1, 4, 3), np.array([few])])).ravel().tolist() == expected


def test_sizes_that_hls4ml_compares_wrongly_are_refused() -> None:
    """By their text, in which 2*3*4 comes before 4."""
    design = merge_design((2, 3, 4), (4,), "multiply")
    with pytest.raises(NotImplementedError, match=r"layer merge: .* fills 4 of 24"):
        design.run([np.zeros((1, 2, 3, 4)), np.zeros((1, 4))])


@pytest.mark.parametrize("shape", [(1, 1, 2), (2, 3, 1)])
def test_a_stream_is_broadcast_as_hls4mls_vivado_backend_does(shape: tuple[int, ...], tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    from random_graphs import RandomNetwork

    network = RandomNetwork(0, "io_stream")
    network.merge(network.input(2, 3, 2), network.input(*shape), "add")
    graph: Any = network.graph("broadcast", "Vivado")
    graph.config.config["OutputDir"] = str(tmp_path / "broadcast")
    design = Design.from_hls4ml(graph)
    assert "Broadcast" in {layer.kind for layer in design.layers}
    graph.compile()
    random = np.random.default_rng(0)
    tensors = [design.tensors[name] for name in design.inputs]
    values = [tensor.type.to_float(tensor.type.quantise(random.normal(size=(20, *tensor.shape)))) for tensor in tensors]
    np.testing.assert_array_equal(np.asarray(design.predict(values)), graph.predict(values).reshape(20, 2, 3, 2))
