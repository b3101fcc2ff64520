"""Axes that can be run through as one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements from one index of each axis to the next, in C order."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def broadcast_strides(shape: Sequence[int], to: Sequence[int]) -> tuple[int, ...]:
    """Strides with which a tensor of `shape` is read as one of shape `to`; 0 where it is repeated. Raises ValueError
    for shapes that do not broadcast."""
    padded = (1,) * (len(to) - len(shape)) + tuple(shape)
    if len(padded) != len(to) or any(size not in (1, wanted) for size, wanted in zip(padded, to, strict=True)):
        raise ValueError(f"{tuple(shape)} cannot be repeated to {tuple(to)}")
    own = contiguous_strides(padded)
    return tuple(0 if size == 1 else stride for size, stride in zip(padded, own, strict=True))


def collapsed(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The fewest axes over which every operand, broadcast to `shape`, has one stride each: their sizes, and the strides
    of each operand. There is one axis at least, and none of size 1 beside others."""
    return merged(shape, [broadcast_strides(operand, shape) for operand in operands])


def merged(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Join neighbouring axes wherever all of `strides` allow it."""
    sizes: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        here = [stride[axis] for stride in strides]
        if sizes and all(before[-1] == step * size for before, step in zip(found, here, strict=True)):
            sizes[-1] *= size
            for before, step in zip(found, here, strict=True):
                before[-1] = step
        else:
            sizes.append(size)
            for before, step in zip(found, here, strict=True):
                before.append(step)
    if not sizes:
        return (1,), [(0,) for _ in strides]
    return tuple(sizes), [tuple(each) for each in found]
