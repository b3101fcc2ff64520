"""Copies between places: transposes, slices, repeats and joins are one kernel with other strides."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from weft.host.opencl.broadcast import broadcast_strides, contiguous_strides, merged
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor


def copy(
    lowering: Lowering,
    taken: Tensor,
    result: Tensor,
    shape: Sequence[int],
    *,
    strides: Sequence[int],
    offset: int = 0,
    into_strides: Sequence[int] | None = None,
    into_offset: int = 0,
) -> None:
    """result[into_offset + i . into_strides] = taken[offset + i . strides] for every index i of `shape`, in elements;
    without `into_strides` the result is filled in C order."""
    into = contiguous_strides(shape) if into_strides is None else into_strides
    sizes, (read, written) = merged(shape, [strides, into])
    axes = len(sizes) - 1
    lowering.launch_elements(
        source("copy.cl.j2", axes=axes, type=C_TYPES[taken.dtype]),
        "copy",
        (result, taken, into_offset, offset, *sizes, *written, *read),
        sizes[-1],
        prod(sizes[:-1]),
    )


def broadcast_to(lowering: Lowering, taken: Tensor, shape: tuple[int, ...]) -> Tensor:
    """numpy.broadcast_to, in memory."""
    result = lowering.allocate(shape, taken.dtype)
    copy(lowering, taken, result, shape, strides=broadcast_strides(taken.shape, shape))
    return result


def transposed(lowering: Lowering, taken: Tensor, order: Sequence[int]) -> Tensor:
    """numpy.transpose; where only axes of size 1 change places, the memory stays as it is."""
    if sorted(order) != list(range(len(taken.shape))):
        raise ValueError(f"{tuple(order)} is no order of the axes of {taken.shape}")
    shape = tuple(taken.shape[axis] for axis in order)
    long = [axis for axis in order if taken.shape[axis] != 1]
    if long == sorted(long):
        return taken.reshaped(shape)
    result = lowering.allocate(shape, taken.dtype)
    strides = contiguous_strides(taken.shape)
    copy(lowering, taken, result, shape, strides=[strides[axis] for axis in order])
    return result


def filled(lowering: Lowering, value: np.generic, shape: tuple[int, ...]) -> Tensor:
    """numpy.full."""
    return broadcast_to(lowering, lowering.constant(np.asarray(value).reshape(1)), shape)
