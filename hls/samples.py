"""Batches on their way into a design: floats are quantised by the input's type, integers are taken as raw values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError
from weft.hls.design import Tensor
from weft.hls.precision import Integers


def raw_samples(inputs: NDArray[Any] | Sequence[NDArray[Any]], tensors: Sequence[Tensor], owner: str) -> list[Integers]:
    """Raw integers (int64, (N, *shape)) for each tensor.

    `inputs`: one array, or a list of them where there are several tensors; each of shape (N, *shape), or flat per
    sample. Raises InputError, which names `owner`, for a wrong number, shape, dtype or value.
    """
    arrays = checked_samples(inputs, tensors, owner)
    return [
        tensor.type.quantise(array) if array.dtype.kind == "f" else array.astype(np.int64)
        for array, tensor in zip(arrays, tensors, strict=True)
    ]


def checked_samples(
    inputs: NDArray[Any] | Sequence[NDArray[Any]], tensors: Sequence[Tensor], owner: str
) -> list[NDArray[Any]]:
    """As `raw_samples`, and raises as it does, but floats are left to be quantised and integers as they are."""
    arrays = list(inputs) if isinstance(inputs, (list, tuple)) else [np.asarray(inputs)]
    if len(arrays) != len(tensors):
        raise InputError(f"{owner} has {len(tensors)} inputs, and {len(arrays)} arrays were given")
    checked = [_checked(np.asarray(array), tensor) for array, tensor in zip(arrays, tensors, strict=True)]
    if len({len(array) for array in checked}) > 1:
        raise InputError(f"the inputs of {owner} have batches of {[len(array) for array in checked]} samples")
    return checked


def _checked(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    if array.ndim == 0 or array.shape[1:] not in (tensor.shape, (tensor.size,)):
        wanted = ", ".join(map(str, tensor.shape))
        raise InputError(f"input {tensor.name} has shape {array.shape}, and (N, {wanted}) is wanted")
    array = array.reshape(len(array), *tensor.shape)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise InputError(f"input {tensor.name} holds NaN or infinity, which fixed point cannot carry")
        return array
    if array.dtype.kind not in "iu":
        raise InputError(f"input {tensor.name} has dtype {array.dtype}; give floats, or raw integers")
    # As Python integers: NumPy compares int64 with uint64 as floats.
    if array.size and (int(array.min()) < tensor.type.minimum or int(array.max()) > tensor.type.maximum):
        raise InputError(f"input {tensor.name} holds raw integers outside {tensor.type}")
    return array
