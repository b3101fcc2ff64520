"""Designs of layers one after another, to estimate them, and rows of their reports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType
from weft.sim import LayerReport, Report

WIDE = FixedType(16, 6)


def weights(*shape: int, type: FixedType = WIDE, seed: int = 0) -> dict[str, Weight]:
    values = np.random.default_rng(seed).uniform(-0.25, 0.25, shape)
    raw = np.rint(np.clip(values * 2.0**type.fraction, type.minimum, type.maximum)).astype(np.int64)
    return {"weight": Weight(raw, type)}


def chain(io: Io, first: Tensor, *steps: tuple[Layer, Tensor], clock_ns: float = 5.0) -> Design:
    """Layers one after another; each is given with the tensor it writes, and reads the one before."""
    layers, before = [], first.name
    for layer, written in steps:
        layers.append(replace(layer, inputs=(before,), outputs=(written.name,)))
        before = written.name
    tensors = {tensor.name: tensor for tensor in (first, *(written for _, written in steps))}
    return Design("test", io, clock_ns, "part", tuple(layers), tensors, (first.name,), (before,))


def layer(name: str, kind: str, strategy: str = "latency", reuse: int = 1, **attributes: Value) -> Layer:
    return Layer(name, kind, (), (), attributes, {}, strategy, reuse)


def dense(name: str, n_in: int, n_out: int, strategy: str, reuse: int, type: FixedType = WIDE) -> tuple[Layer, Tensor]:
    step = layer(name, "Dense", strategy, reuse, n_in=n_in, n_out=n_out)
    return replace(step, weights=weights(n_in, n_out, type=type)), Tensor(f"{name}_out", (n_out,), type)


def mlp(sizes: tuple[int, ...], reuse: tuple[int, ...], strategy: str = "resource", type: FixedType = WIDE) -> Design:
    steps = [
        dense(f"dense{i}", n_in, n_out, strategy, factor, type)
        for i, (n_in, n_out, factor) in enumerate(zip(sizes, sizes[1:], reuse, strict=False))
    ]
    return chain("io_parallel", Tensor("x", (sizes[0],), type), *steps)


def convolution(
    name: str, size: tuple[int, int], kernel: int, n_chan: int, n_filt: int, strategy: str = "latency", reuse: int = 1
) -> tuple[Layer, Tensor]:
    height, width = size
    out = (height - kernel + 1, width - kernel + 1)
    step = layer(
        name, "Conv2D", strategy, reuse, in_height=height, in_width=width, out_height=out[0], out_width=out[1],
        filt_height=kernel, filt_width=kernel, n_chan=n_chan, n_filt=n_filt, n_partitions=out[0] * out[1],
    )  # fmt: skip
    return replace(step, weights=weights(kernel, kernel, n_chan, n_filt)), Tensor(f"{name}_out", (*out, n_filt), WIDE)


def row(report: Report, name: str) -> LayerReport:
    return next(one for one in report.layers if one.name == name)


def valid_reuse(n_in: int, n_out: int) -> list[int]:
    """What hls4ml's get_valid_reuse_factors accepts for Dense."""
    every = [rf for rf in range(1, n_in * n_out + 1) if n_in * n_out % rf == 0]
    return [rf for rf in every if (rf >= n_in and rf % n_in == 0) or (rf < n_in and n_in % rf == 0)]
