"""When each kind of layer reads and writes: the loops of hls4ml's stream kernels (nnet_utils/*_stream.h), in tokens.

A token is a FIFO element, all values of the last axis. To add a kind, name its function in `PATTERNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError, WeftError
from weft.hls.design import Layer, Tensor
from weft.hls.precision import Integers
from weft.sim.cost.reading import beats, whole


@dataclass(frozen=True, eq=False)
class Pattern:
    """For each iteration, the tokens it reads from every input and writes to every output."""

    reads: tuple[Integers, ...]
    writes: Integers


PatternOf = Callable[[Layer, Sequence[Tensor], Tensor], Pattern]


def _ones(count: int) -> Integers:
    return np.ones(count, np.int64)


def _each(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A token in from every input, a token out."""
    return Pattern(tuple(_ones(beats(result)) for _ in sources), _ones(beats(result)))


def _gathered(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """Everything in, then the result's tokens at once: Dense and global pooling have one."""
    count = beats(sources[0])
    writes = np.zeros(count, np.int64)
    writes[-1] = beats(result)
    return Pattern((_ones(count),), writes)


def _scattered(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """The first iteration reads everything, and every iteration writes a token: Embedding."""
    reads = np.zeros(beats(result), np.int64)
    reads[0] = beats(sources[0])
    return Pattern((reads,), _ones(beats(result)))


def _stepwise(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A time step in; a state out at each, or at the last only."""
    every = beats(result) == beats(sources[0])
    return _each(layer, sources, result) if every else _gathered(layer, sources, result)


def _window(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A pixel in; a pixel out where the kernel's last pixel meets its stride (compute_output_buffer_2d)."""
    pooled = "Pooling" in layer.kind
    pointwise = "Pointwise" in layer.kind
    prefix = "pool" if pooled else "filt"
    height, pixels = whole(layer, "in_height", 1), beats(sources[0])
    if not 0 < height <= pixels:
        raise InputError(f"layer {layer.name} has an image of {height} rows in {pixels} pixels: the design is damaged")
    width = pixels // height
    rows = 1 if pointwise else whole(layer, f"{prefix}_height", 1)
    columns = 1 if pointwise else whole(layer, f"{prefix}_width", 1)
    down = _met(height, rows, whole(layer, "stride_height", 1))
    across = _met(width, columns, whole(layer, "stride_width", 1))
    writes = np.outer(down, across).reshape(-1).astype(np.int64)
    return Pattern((_ones(len(writes)),), writes)


def _met(extent: int, kernel: int, stride: int) -> NDArray[np.bool_]:
    """Where along one axis a window ends."""
    index = np.arange(extent) - (kernel - 1)
    met: NDArray[np.bool_] = (index >= 0) & (index % max(1, stride) == 0)
    return met


def _padded(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A pixel out; a pixel in where the result is not padding."""
    inside = np.zeros(result.shape[:-1], np.int64)
    inside[_part(layer, "pad", sources[0].shape)] = 1
    return Pattern((inside.reshape(-1),), _ones(inside.size))


def _cropped(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A pixel in; a pixel out where it is kept."""
    kept = np.zeros(sources[0].shape[:-1], np.int64)
    kept[_part(layer, "crop", result.shape)] = 1
    return Pattern((_ones(kept.size),), kept.reshape(-1))


def _part(layer: Layer, what: str, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where an image of `shape` lies in one that is larger by the layer's padding or cropping."""
    sides = (f"{what}_top", f"{what}_left")[-(len(shape) - 1) :]
    begins = [whole(layer, side, 0) for side in sides]
    return tuple(slice(begin, begin + extent) for begin, extent in zip(begins, shape, strict=False))


def _resized(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """A row in, then the rows out that repeat it (resize_nearest)."""
    height = sources[0].shape[0]
    width, repeated = beats(sources[0]) // height, beats(result) // height
    row = np.zeros(max(width, repeated), np.int64)
    reads, writes = row.copy(), row
    reads[:width] = 1
    writes[len(row) - repeated :] = 1
    return Pattern((np.tile(reads, height),), np.tile(writes, height))


def _transposed(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """Everything in, then everything out, token by token."""
    first, second = beats(sources[0]), beats(result)
    reads, writes = np.zeros(first + second, np.int64), np.zeros(first + second, np.int64)
    reads[:first], writes[first:] = 1, 1
    return Pattern((reads,), writes)


def _repacked(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """The longer of the two streams a token an iteration, the other whenever enough values are there."""
    first, second = beats(sources[0]), beats(result)
    steps = np.arange(1, max(first, second) + 1)
    reads = np.diff(-(-steps * first // len(steps)), prepend=0)
    return Pattern((reads,), np.diff(steps * second // len(steps), prepend=0))


def _concatenated(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """Along the last axis both inputs together; along another, a block of each in turn (concatenate2d_0 and others)."""
    axis = whole(layer, "axis", -1)
    axis = axis - 1 if axis > 0 else axis + len(result.shape)  # hls4ml counts the batch as axis 0
    if len(result.shape) == 1:  # two vectors are two tokens, one after the other, and one token out
        return Pattern(tuple(np.eye(len(sources), dtype=np.int64)), np.eye(len(sources), dtype=np.int64)[-1])
    if axis == len(result.shape) - 1:
        return _each(layer, sources, result)
    blocks = [int(np.prod(source.shape[axis:-1])) for source in sources]
    turns = beats(result) // sum(blocks)
    owner = np.tile(np.repeat(np.arange(len(sources)), blocks), turns)
    return Pattern(tuple((owner == i).astype(np.int64) for i in range(len(sources))), _ones(len(owner)))


PATTERNS: Mapping[str, PatternOf] = {
    "Activation": _each,
    "ApplyAlpha": _each,
    "BatchNormalization": _each,
    "BatchNormalizationQuantizedTanh": _each,
    "Bidirectional": _stepwise,
    "Broadcast": _repacked,
    "Clone": _each,
    "Concatenate": _concatenated,
    "Conv1D": _window,
    "Conv2D": _window,
    "Conv2DBatchnorm": _window,
    "Cropping1D": _cropped,
    "Cropping2D": _cropped,
    "Dense": _gathered,
    "DepthwiseConv1D": _window,
    "DepthwiseConv2D": _window,
    "Dot": _each,
    "Embedding": _scattered,
    "FixedPointQuantizer": _each,
    "GRU": _stepwise,
    "GlobalPooling1D": _gathered,
    "GlobalPooling2D": _gathered,
    "HardActivation": _each,
    "LSTM": _stepwise,
    "Merge": _each,
    "PReLU": _each,
    "ParametrizedActivation": _each,
    "PointwiseConv1D": _window,
    "PointwiseConv2D": _window,
    "Pooling1D": _window,
    "Pooling2D": _window,
    "Repack": _repacked,
    "Resize": _resized,
    "SeparableConv1D": _window,
    "SeparableConv2D": _window,
    "Softmax": _each,
    "TernaryTanh": _each,
    "Transpose": _transposed,
    "ZeroPadding1D": _padded,
    "ZeroPadding2D": _padded,
}


def pattern_of(layer: Layer, sources: Sequence[Tensor], result: Tensor) -> Pattern:
    """What `layer` reads and writes in each iteration; `sources` and `result` as their FIFOs carry them.

    Raises WeftError for a kind whose loops are not known, InputError where they do not move a sample's tokens.
    """
    if layer.kind not in PATTERNS:
        raise WeftError(
            f"layer {layer.name} is a {layer.kind}, whose stream weft cannot simulate: use estimate, or io_parallel"
        )
    pattern = PATTERNS[layer.kind](layer, sources, result)
    expected = [*(beats(source) for source in sources), beats(result)]
    found = [int(counts.sum()) for counts in (*pattern.reads, pattern.writes)]
    if found != expected:
        raise InputError(
            f"layer {layer.name} ({layer.kind}) moves {found} elements of its streams, and its tensors have {expected}:"
            " the design is damaged"
        )
    return pattern
