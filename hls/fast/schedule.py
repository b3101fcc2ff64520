"""A design as a list of steps, compiled once: each layer in floats where that is exact, in int64 where not. A batch
passes through in parts that stay in a core's cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Design, Layer, Tensor
from weft.hls.fast import FAST
from weft.hls.fast.span import Inexact, Span, Step, carrier
from weft.hls.layers import MEANINGS, Operand
from weft.hls.layers.limits import check_layer
from weft.hls.precision import FixedType, Integers

_PART_VALUES = 1 << 17  # of the largest tensor in one part: 512 KiB of float32, about a core's second-level cache
_LARGEST_PART = 512


@dataclass(frozen=True)
class Schedule:
    """What `run` needs of a design."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    steps: tuple[tuple[tuple[str, ...], str, Callable[..., NDArray[Any]], tuple[str, ...]], ...]
    part: int  # samples at a time
    in_int64: tuple[str, ...]  # layers that floats cannot be shown to be exact for

    def run(self, arrays: Sequence[NDArray[Any]]) -> list[Integers]:
        """Raw outputs of checked inputs: floats, which are quantised, or raw integers."""
        count = len(arrays[0])
        results = [np.empty((count, *tensor.shape), np.int64) for tensor in self.outputs]
        for begin in range(0, count, self.part):
            outputs = self._part([array[begin : begin + self.part] for array in arrays])
            for result, output in zip(results, outputs, strict=True):
                result[begin : begin + self.part] = np.moveaxis(output, -1, 0)
        return results

    def _part(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        values = {
            tensor.name: np.moveaxis(_entered(array, tensor.type), 0, -1)
            for tensor, array in zip(self.inputs, arrays, strict=True)
        }
        for inputs, output, run, finished in self.steps:
            values[output] = run(*(values[name] for name in inputs))
            for name in finished:
                del values[name]
        return [values[tensor.name] for tensor in self.outputs]


def compile_schedule(design: Design, *, fast: bool = True) -> Schedule:
    """The schedule of a design, all in int64 without `fast`. Raises NotImplementedError for what is not exact."""
    spans = {name: _entry_span(design.tensors[name]) for name in design.inputs}
    steps: list[tuple[tuple[str, ...], str, Callable[..., NDArray[Any]], tuple[str, ...]]] = []
    in_int64: list[str] = []
    last = {name: index for index, layer in enumerate(design.layers) for name in layer.inputs}
    for index, layer in enumerate(design.layers):
        if layer.kind == "Input":
            continue
        _check_layer(design, layer)
        operands = [spans[name] for name in layer.inputs]
        finished = {name for name in layer.inputs if last[name] == index} - set(design.outputs)
        for output in layer.outputs:
            tensor = design.tensors[output]
            step = _in_floats(layer, operands, tensor) if fast else None
            if step is None:
                step = _in_integers(layer, operands, tensor)
                in_int64.append(layer.name)
            spans[output] = Span(tensor.type, step.low, step.high, tensor.shape)
            steps.append((layer.inputs, output, step.run, tuple(finished) if output == layer.outputs[-1] else ()))
    largest = max((design.tensors[name].size for name in spans), default=1)
    inputs, outputs = (tuple(design.tensors[name] for name in names) for names in (design.inputs, design.outputs))
    part = max(1, min(_LARGEST_PART, _PART_VALUES // max(1, largest)))
    return Schedule(inputs, outputs, tuple(steps), part, tuple(in_int64))


def _in_floats(layer: Layer, operands: Sequence[Span], result: Tensor) -> Step | None:
    try:
        return FAST[layer.kind](layer, operands, result) if layer.kind in FAST else None
    except Inexact:
        return None


def _in_integers(layer: Layer, operands: Sequence[Span], result: Tensor) -> Step:
    meaning, types = MEANINGS[layer.kind], [span.type for span in operands]
    dtype = _dtype(result.type)

    def run(*values: NDArray[Any]) -> NDArray[Any]:
        raw = [Operand(np.moveaxis(x, -1, 0).astype(np.int64), kind) for x, kind in zip(values, types, strict=True)]
        return np.moveaxis(meaning(layer, raw, result), 0, -1).astype(dtype, copy=False).reshape(*result.shape, -1)

    return Step(run, result.type.minimum, result.type.maximum)


def _dtype(kind: FixedType) -> np.dtype[Any]:
    try:
        return carrier(kind.minimum, kind.maximum)
    except Inexact:
        return np.dtype(np.int64)


def _entry_span(tensor: Tensor) -> Span:
    return Span(tensor.type, tensor.type.minimum, tensor.type.maximum, tensor.shape)


def _entered(array: NDArray[Any], kind: FixedType) -> NDArray[Any]:
    """Samples as the raw values that a schedule carries."""
    if array.dtype.kind != "f":
        return array.astype(_dtype(kind))
    if kind.rounding in _ROUND and kind.width <= 32 and kind.overflow != "SAT_ZERO":
        scaled = array.astype(np.float64, copy=False) * 2.0**kind.fraction  # exact, as in FixedType.quantise
        _ROUND[kind.rounding](scaled, out=scaled)
        if kind.overflow == "SAT":
            return np.clip(scaled, kind.minimum, kind.maximum, out=scaled).astype(_dtype(kind))
        if scaled.min() >= -kind.maximum * kind.signed and scaled.max() <= kind.maximum:
            return scaled.astype(_dtype(kind))
    return kind.quantise(array).astype(_dtype(kind))


_ROUND: dict[str, Callable[..., Any]] = {"TRN": np.floor, "TRN_ZERO": np.trunc, "RND_CONV": np.rint}


def _check_layer(design: Design, layer: Layer) -> None:
    if layer.kind not in MEANINGS:
        raise NotImplementedError(
            f"layer {layer.name}: weft does not know what kind {layer.kind} computes: replace the layer"
        )
    check_layer(design, layer)
