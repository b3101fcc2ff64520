"""What every random hls4ml network is drawn with: integers, types, layers, inputs, and the ModelGraph in the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from layer_lists import graph_of

ROUNDINGS = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_INF", "RND_MIN_INF")
OVERFLOWS = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")


class Drawing:
    """A layer list in the making. Types are of every kind; with `odd`, of 1 to 32 bits with the point outside too."""

    def __init__(self, seed: int, io: str, *, odd: bool = False) -> None:
        self.random = np.random.default_rng(seed)
        self.seed = seed
        self.io = io
        self.odd = odd
        self.layers: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.inner: set[str] = set()  # layers whose output is none of the network's

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def type(self, low: int = 3, high: int = 16, *, wrap: bool = False) -> str:
        """Any ap_fixed or ap_ufixed; `wrap` for accumulators, where a saturating sum depends on the order."""
        if self.odd and not wrap:
            return self.odd_type(1, 32)
        width = self.integer(low, high)
        integer = self.integer(1, width)
        prefix = "fixed" if wrap or self.random.random() < 0.75 else "ufixed"
        overflow = "WRAP" if wrap else self.random.choice(OVERFLOWS[:3])
        rounding = "TRN" if wrap and self.random.random() < 0.5 else self.random.choice(ROUNDINGS)
        return f"{prefix}<{width},{integer},{rounding},{overflow}>"

    def odd_type(self, low: int, high: int) -> str:
        """A type whose point may lie outside its bits. ap_fixed's own asserts fire where more bits are dropped than a
        value has, so that a type of few fraction bits truncates."""
        width = self.integer(low, high)
        integer = self.integer(-3, width + 3)
        prefix = "fixed" if self.random.random() < 0.75 else "ufixed"
        rounding = self.random.choice(ROUNDINGS) if width - integer >= 8 else "TRN"
        return f"{prefix}<{width},{integer},{rounding},{self.random.choice(OVERFLOWS)}>"

    def accumulator(self) -> str:
        """Of any width, rounding and overflow: the order of a saturating sum counts."""
        if self.odd:
            return self.odd_type(12, 60).replace("ufixed", "fixed")
        return self.type(10, 40, wrap=bool(self.random.random() < 0.5))

    def add(self, kind: str, behind: list[str], shape: tuple[int, ...], types: dict[str, str], **rest: Any) -> str:
        name = f"layer_{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": behind, "outputs": [name], **rest})
        self.config[name] = {"Precision": {"result": self.type(), **types}}
        self.shapes[name] = shape
        return name

    def input(self, *shape: int, kind: str = "") -> str:
        name = self.add("InputLayer", [], shape, {}, input_shape=list(shape))
        self.config[name] = {"Precision": {"result": kind or self.type(4, 12)}}
        return name

    def graph(self, name: str, backend: str = "Vitis") -> Any:
        """The hls4ml ModelGraph. Every layer's output is one of its outputs, but a Reshape's and those of `inner`."""
        outputs = [
            layer["name"]
            for layer in self.layers
            if layer["class_name"] not in ("InputLayer", "Reshape") and layer["name"] not in self.inner
        ]
        return graph_of(name, self.io, self.layers, self.config, outputs, backend)
