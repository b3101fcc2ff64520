"""How a layer that multiplies may be built: strategies and reuse factors, as far as hls4ml has kernels for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from weft.boards.errors import InputError
from weft.hls.design import Design, Io, Layer

Strategy = Literal["latency", "resource"]
#: Kinds of layer whose reuse factor sets how many multipliers they have.
MULTIPLYING = ("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "DepthwiseConv1D", "DepthwiseConv2D")


@dataclass(frozen=True)
class Choice:
    """How a layer is built."""

    strategy: Strategy = "latency"
    reuse_factor: int = 1


def valid_reuse_factors(layer: Layer, io: Io) -> list[int]:
    """Reuse factors that hls4ml's kernels are right for, ascending; [1] for layers that multiply nothing.

    The parallel Resource convolution reads beyond its window above n_in (nnet_conv2d_resource.h), hls4ml's own check
    notwithstanding.
    """
    shape = products(layer)
    if shape is None:
        return [1]
    largest = shape[0] if io == "io_parallel" and "Conv" in layer.kind else shape[0] * shape[1]
    return [factor for factor in valid_factors(*shape) if factor <= largest]


def valid_strategies(layer: Layer, io: Io) -> tuple[Strategy, ...]:
    """Strategies hls4ml has a kernel for (nnet_sepconv2d.h refuses Resource for a parallel depthwise convolution)."""
    if layer.kind.startswith("Depthwise") and io == "io_parallel":
        return ("latency",)
    return ("latency", "resource") if layer.kind in MULTIPLYING else ("latency",)


def products(layer: Layer) -> tuple[int, int] | None:
    """Inputs and outputs of the layer's matrix product for one window: (n_in, n_out), or None if it has none."""
    if layer.kind not in MULTIPLYING:
        return None
    weight = layer.weights["weight"].raw
    return int(np.prod(weight.shape[:-1])), int(weight.shape[-1])


@lru_cache(maxsize=4096)
def valid_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    """Reuse factors of an n_in x n_out product, ascending: the rule of hls4ml's FPGABackend._validate_reuse_factor,
    tried on the divisors only."""
    total = n_in * n_out
    small = [factor for factor in range(1, int(total**0.5) + 1) if total % factor == 0]
    divisors = sorted({*small, *(total // factor for factor in small)})
    return tuple(
        factor for factor in divisors if factor % n_in == 0 or (factor < n_in and -(-total // factor) % n_out == 0)
    )


def check_choices(design: Design, choices: Mapping[str, Choice] | Choice | None) -> None:
    """Raise InputError for a strategy without a kernel or an invalid reuse factor, which hls4ml corrects in silence."""
    for layer in design.layers:
        choice = choices.get(layer.name) if isinstance(choices, Mapping) else choices
        shape = products(layer)
        if choice is None or shape is None:
            continue
        if choice.strategy not in valid_strategies(layer, design.io):
            raise InputError(f"layer {layer.name} ({layer.kind}, {design.io}) cannot have strategy {choice.strategy}")
        valid = (
            valid_reuse_factors(layer, design.io)
            if choice.strategy == "resource"
            else range(1, shape[0] * shape[1] + 1)
        )
        if choice.reuse_factor not in valid:
            nearest = min(valid, key=lambda factor: abs(factor - choice.reuse_factor))
            raise InputError(
                f"reuse factor {choice.reuse_factor} is not valid for layer {layer.name} ({layer.kind}, "
                f"{shape[0]} x {shape[1]} products, strategy {choice.strategy}): the nearest valid one is {nearest}"
            )
