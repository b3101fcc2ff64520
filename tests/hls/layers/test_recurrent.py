"""What of LSTM, GRU, Bidirectional and Embedding is refused; test_every_kind.py compares the rest with compiled C++."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from weft.boards.errors import InputError
from weft.hls.design import Design

pytest.importorskip("hls4ml")
from exactness import design_of, raw_inputs
from random_graphs import RandomNetwork


def sequence_design() -> Design:
    """An LSTM, a GRU, a Bidirectional and an Embedding, from the same draws each time."""
    network = RandomNetwork(0, "io_parallel")
    network.recurrent(network.input(3, 2), "LSTM", 2)
    network.recurrent(network.input(3, 2), "GRU", 2, network.input(2))
    network.bidirectional(network.input(3, 2), ("LSTM", "GRU"), 2, sequences=True)
    network.embedding(network.input(5, kind="ufixed<4,4>"), 2)
    return design_of(network, "net_sequences")


def changed(design: Design, kind: str, **attributes: Any) -> Design:
    layers = [
        replace(layer, attributes={**layer.attributes, **attributes}) if layer.kind == kind else layer
        for layer in design.layers
    ]
    return replace(design, layers=tuple(layers))


@pytest.mark.parametrize(
    ("kind", "attributes", "sentence"),
    [
        ("LSTM", {"return_state": True}, "never writes the states"),
        ("LSTM", {"time_major": True}, "put the batch first"),
        ("LSTM", {"direction": "backward"}, "forward only"),
        ("GRU", {"apply_reset_gate": "before"}, "reset gate after the product"),
        ("Bidirectional", {"merge_mode": "sum"}, "concatenates only"),
        ("GRU", {"activation": "softsign"}, "has no softsign"),
        ("GRU", {"io": "io_stream"}, "initial states in io_parallel only"),
    ],
)
def test_what_is_not_exact_is_refused_by_name(kind: str, attributes: dict[str, Any], sentence: str) -> None:
    design = sequence_design()
    with pytest.raises(NotImplementedError, match=sentence):
        changed(design, kind, **attributes).run(raw_inputs(design, 2, 0))


def test_an_lstm_that_would_not_compile_is_refused() -> None:
    design = sequence_design()
    (name,) = next(layer.outputs for layer in design.layers if layer.kind == "LSTM")
    tensor = design.tensors[name]
    other = replace(tensor, type=replace(tensor.type, rounding="RND"))
    with pytest.raises(NotImplementedError, match=r"one type: result .*RND"):
        replace(design, tensors={**design.tensors, name: other}).run(raw_inputs(design, 2, 0))


def test_an_index_beyond_the_vocabulary_is_named() -> None:
    design = sequence_design()
    layers = []
    for layer in design.layers:
        if layer.kind == "Embedding":
            table = layer.weights["embeddings"]
            layer = replace(layer, weights={"embeddings": replace(table, raw=table.raw[:9])})
        layers.append(layer)
    *others, tokens = raw_inputs(design, 2, 0)
    with pytest.raises(InputError, match="outside 0 to 8"):
        replace(design, layers=tuple(layers)).run([*others, np.full_like(tokens, 9)])


def test_an_initial_state_that_something_else_reads_is_refused() -> None:
    """hls4ml's C++ writes over it."""
    design = sequence_design()
    (gru,) = (layer for layer in design.layers if layer.kind == "GRU")
    with pytest.raises(NotImplementedError, match="overwrites its initial state"):
        replace(design, outputs=(*design.outputs, gru.inputs[1])).run(raw_inputs(design, 2, 0))
