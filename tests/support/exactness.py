"""Compares every output of a random network with hls4ml's compiled C++, integer for integer."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from random_graphs import RandomNetwork

from weft.hls.design import Design
from weft.hls.execution import run_design


def design_of(network: RandomNetwork, name: str) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hls4ml's notes on table sizes
        return Design.from_hls4ml(network.graph(name))


def raw_inputs(design: Design, count: int, seed: int) -> list[NDArray[np.int64]]:
    """Raw integers over the whole range of every input."""
    random = np.random.default_rng(seed)
    tensors = [design.tensors[name] for name in design.inputs]
    return [
        random.integers(tensor.type.minimum, tensor.type.maximum, (count, *tensor.shape), np.int64, endpoint=True)
        for tensor in tensors
    ]


def assert_exact(design: Design, seed: int, count: int = 60) -> None:
    """Every output of `design` is the compiled firmware's, on `count` samples."""
    raw = raw_inputs(design, count, seed)
    kinds = {output: layer for layer in design.layers for output in layer.outputs}
    found = run_design(design, raw)
    expected = design.firmware().run(raw)
    expected = expected if isinstance(expected, list) else [expected]
    for name, got, wanted in zip(design.outputs, found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, err_msg=f"{kinds[name]}")


def kinds_of(design: Design) -> set[str]:
    return {layer.kind for layer in design.layers}
