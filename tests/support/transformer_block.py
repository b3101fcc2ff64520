"""A small transformer block as an hls4ml ModelGraph: pre-norm attention and a two-layer perceptron, with residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from layer_lists import graph_of

TOKENS, FEATURES, HEADS, HIDDEN = 16, 32, 4, 64
VALUES, SUM = "fixed<10,4,RND_CONV,SAT>", "fixed<28,14>"


def transformer_graph(name: str) -> Any:
    """`TOKENS` x `FEATURES` in and out, io_parallel (hls4ml's only one for Einsum), random weights."""
    block = _Block()
    size, head = (TOKENS, FEATURES), (TOKENS, HEADS, FEATURES // HEADS)
    data = block.add("InputLayer", [], {}, input_shape=list(size))
    normal = block.normalization(data)
    query, key, value = (block.product(normal, "td,dhc->thc", size, head) for _ in range(3))
    scores = block.einsum(query, key, "qhc,khc->hqk", (head, head), (HEADS, TOKENS, TOKENS))
    outer = {"n_in": HEADS * TOKENS * TOKENS, "n_outer": HEADS * TOKENS, "n_inner": 1}
    shares = block.add(
        "Softmax", [scores], {"accum": "fixed<20,8>"}, activation="softmax", axis=-1, implementation="stable", **outer
    )
    mixed = block.einsum(shares, value, "hqk,khc->qhc", ((HEADS, TOKENS, TOKENS), head), head)
    data = block.add("Merge", [data, block.product(mixed, "thc,hcd->td", head, size)], {}, op="add")
    hidden = block.product(block.normalization(data), "td,dh->th", size, (TOKENS, HIDDEN))
    hidden = block.add("Activation", [hidden], {}, activation="relu", n_in=TOKENS * HIDDEN)
    out = block.add("Merge", [data, block.product(hidden, "th,hd->td", (TOKENS, HIDDEN), size)], {}, op="add")
    return graph_of(name, "io_parallel", block.layers, block.config, [out])


class _Block:
    """The layer list in the making; each method adds a layer and returns its name."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.layers: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}

    def add(self, kind: str, behind: list[str], types: dict[str, str], **said: Any) -> str:
        name = f"layer_{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": behind, "outputs": [name], **said})
        self.config[name] = {"Precision": {"result": VALUES, **types}}
        return name

    def normalization(self, behind: str) -> str:
        said = {"n_in": TOKENS * FEATURES, "seq_len": TOKENS, "axis": 2, "epsilon_power_of_10": 3}
        weights = {"gamma_data": np.ones(FEATURES), "beta_data": np.zeros(FEATURES)}
        types = {"scale": "fixed<8,2>", "bias": "fixed<8,2>", "accum": "fixed<24,12,RND,SAT>"}
        return self.add("LayerNormalization", [behind], types, **said, **weights)

    def product(self, behind: str, equation: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        """An EinsumDense that contracts all axes but the first."""
        kernel = (*before[1:], *after[1:])
        said = {"equation": equation, "inp_shape": before, "out_shape": after}
        weights = self.random.normal(size=kernel) / np.sqrt(np.prod(before[1:]))
        types = {"weight": "fixed<8,2>", "bias": "fixed<8,2>", "accum": SUM}
        name = self.add("EinsumDense", [behind], types, **said, weight_data=weights, bias_data=np.zeros(after))
        self.config[name]["Strategy"] = "latency"
        return name

    def einsum(
        self, first: str, second: str, equation: str, shapes: tuple[tuple[int, ...], ...], after: tuple[int, ...]
    ) -> str:
        said = {"inp0_shape": shapes[0], "inp1_shape": shapes[1], "out_shape": after}
        return self.add("Einsum", [first, second], {"accum": SUM}, equation=equation, **said)
