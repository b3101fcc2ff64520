"""LSTM, GRU and Embedding against the compiled C++, and what of them is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from weft.boards.errors import InputError
from weft.hls.design import Design

pytest.importorskip("hls4ml")
from exactness import assert_exact, design_of, kinds_of, raw_inputs
from random_graphs import sequence_network


@pytest.mark.parametrize(("seed", "io"), [(0, "io_parallel"), (1, "io_stream")])
def test_every_layer_gives_the_integers_of_the_compiled_firmware(seed: int, io: str) -> None:
    design = design_of(sequence_network(seed, io), f"net_sequences_{seed}")
    assert {"LSTM", "GRU", "Embedding"} <= kinds_of(design)
    assert ("Bidirectional" in kinds_of(design)) == (io == "io_parallel")  # hls4ml's own limit
    assert_exact(design, seed)


def changed(design: Design, kind: str, **attributes: Any) -> Design:
    layers = [
        replace(layer, attributes={**layer.attributes, **attributes}) if layer.kind == kind else layer
        for layer in design.layers
    ]
    return replace(design, layers=tuple(layers))


@pytest.mark.parametrize(
    ("kind", "attributes", "sentence"),
    [
        ("LSTM", {"return_state": True}, "LSTM with return_state"),
        ("LSTM", {"static": False}, "LSTM with static = False"),
        ("LSTM", {"direction": "backward"}, "direction backward"),
        ("GRU", {"apply_reset_gate": "before"}, "reset gate after the product"),
        ("Bidirectional", {"merge_mode": "sum"}, "concatenates only"),
        ("GRU", {"activation": "softsign"}, "has no softsign"),
    ],
)
def test_what_is_not_exact_is_refused_by_name(kind: str, attributes: dict[str, Any], sentence: str) -> None:
    design = design_of(sequence_network(0, "io_parallel"), "net_refused")
    with pytest.raises(NotImplementedError, match=sentence):
        changed(design, kind, **attributes).run(raw_inputs(design, 2, 0))


def test_an_lstm_that_would_not_compile_is_refused() -> None:
    design = design_of(sequence_network(0, "io_parallel"), "net_lstm")
    (name,) = next(layer.outputs for layer in design.layers if layer.kind == "LSTM")
    tensor = design.tensors[name]
    other = replace(tensor, type=replace(tensor.type, rounding="RND"))
    with pytest.raises(NotImplementedError, match="are one type"):
        replace(design, tensors={**design.tensors, name: other}).run(raw_inputs(design, 2, 0))


def test_an_index_beyond_the_vocabulary_is_named() -> None:
    design = design_of(sequence_network(0, "io_parallel"), "net_index")
    layers = []
    for layer in design.layers:
        if layer.kind == "Embedding":
            table = layer.weights["embeddings"]
            layer = replace(layer, weights={"embeddings": replace(table, raw=table.raw[:9])})
        layers.append(layer)
    sequence, tokens = raw_inputs(design, 2, 0)
    with pytest.raises(InputError, match="outside 0 to 8"):
        replace(design, layers=tuple(layers)).run([sequence, np.full_like(tokens, 9)])
