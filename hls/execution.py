"""Runs a Design in NumPy, a layer at a time over the whole batch, in exact integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Design, Layer
from weft.hls.layers import MEANINGS, Operand
from weft.hls.precision import Integers
from weft.hls.samples import raw_samples


def run_design(design: Design, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> list[Integers]:
    """Raw outputs, each int64 of shape (N, *tensor.shape), in the order of `design.outputs`.

    Raises InputError for arrays of the wrong number, shape or dtype, NotImplementedError for a layer kind or option
    whose exact meaning is not known here.
    """
    raw = raw_samples(inputs, [design.tensors[name] for name in design.inputs], f"design {design.name}")
    if len(raw[0]) == 0:  # an empty batch has the shapes of any other
        return [output[:0] for output in _run(design, [np.zeros((1, *array.shape[1:]), np.int64) for array in raw])]
    return _run(design, raw)


def _run(design: Design, raw: Sequence[Integers]) -> list[Integers]:
    values: dict[str, Integers] = dict(zip(design.inputs, raw, strict=True))
    uses = _remaining_uses(design)
    for layer in design.layers:
        if layer.kind == "Input":
            continue
        meaning = MEANINGS.get(layer.kind)
        if meaning is None:
            raise NotImplementedError(f"layer {layer.name}: kind {layer.kind} is not simulated exactly yet")
        _check_window(design, layer)
        operands = [Operand(values[name], design.tensors[name].type) for name in layer.inputs]
        for output in layer.outputs:
            values[output] = meaning(layer, operands, design.tensors[output])
        for name in layer.inputs:
            uses[name] -= 1
            if uses[name] == 0:
                del values[name]
    return [values[name].reshape(-1, *design.tensors[name].shape) for name in design.outputs]


def _check_window(design: Design, layer: Layer) -> None:
    """Refuse what reads memory that is not its own: nnet_conv2d_resource.h above a reuse factor of n_in."""
    if design.io == "io_parallel" and "Conv" in layer.kind and layer.strategy == "resource":
        n_in = layer.weights["weight"].raw[..., 0].size
        if layer.reuse_factor > n_in:
            raise NotImplementedError(
                f"layer {layer.name}: hls4ml's parallel {layer.kind} with strategy resource reads beyond its window at "
                f"reuse factor {layer.reuse_factor}; choose at most {n_in}"
            )


def _remaining_uses(design: Design) -> dict[str, int]:
    """How often each tensor is still read; outputs count once more, so that they stay."""
    uses = dict.fromkeys(design.tensors, 0)
    for layer in design.layers:
        for name in layer.inputs:
            uses[name] += 1
    for name in design.outputs:
        uses[name] += 1
    return uses
