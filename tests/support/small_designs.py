"""Designs made by hand, for tests that need no hls4ml."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from weft.hls.design import Design, Layer, Tensor, Weight
from weft.hls.precision import FixedType

ACTIVATIONS = FixedType(8, 3)


def dense_design(n_in: int = 4, n_out: int = 3, name: str = "net_small") -> Design:
    """One Dense layer and a ReLU, io_parallel."""
    random = np.random.default_rng(0)
    weight = Weight(random.integers(-8, 8, (n_in, n_out)), FixedType(4, 1))
    bias = Weight(random.integers(-8, 8, n_out), FixedType(4, 1))
    layers = (
        Layer("input_0", "Input", (), ("input_0",)),
        Layer(
            "dense_1",
            "Dense",
            ("input_0",),
            ("dense_1",),
            {"n_in": n_in, "n_out": n_out, "accum_t": FixedType(16, 8)},
            {"weight": weight, "bias": bias},
            onnx_nodes=('a "node"', "b"),
        ),
        Layer("relu_2", "Activation", ("dense_1",), ("relu_2",), {"activation": "relu", "n_in": n_out}),
    )
    tensors = {
        "input_0": Tensor("input_0", (n_in,), ACTIVATIONS, onnx_name="x", onnx_axes=(0,)),
        "dense_1": Tensor("dense_1", (n_out,), FixedType(16, 8)),
        "relu_2": Tensor("relu_2", (n_out,), FixedType(8, 4, False, "RND_CONV", "SAT"), onnx_name="y", onnx_axes=(0,)),
    }
    return Design(name, "io_parallel", 10.0, "xc7z020clg400-1", layers, tensors, ("input_0",), ("relu_2",))


def relu_chain(layers: int, tokens: int, depth: int = 1) -> Design:
    """ReLUs one after the other: with FIFOs of depth 1 each token of each costs a visit of its neighbours."""
    names = ["x", *(f"relu_{number}" for number in range(layers))]
    relus = [
        Layer(after, "Activation", (before,), (after,), {"activation": "relu", "n_in": tokens})
        for before, after in pairwise(names)
    ]
    tensors = {name: Tensor(name, (tokens, 1), ACTIVATIONS, fifo_depth=depth) for name in names}
    start = Layer("input", "Input", (), ("x",))
    return Design("chain", "io_stream", 10.0, "", (start, *relus), tensors, ("x",), (names[-1],))
