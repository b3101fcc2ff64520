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
    arrays = list(inputs) if isinstance(inputs, (list, tuple)) else [np.asarray(inputs)]
    if len(arrays) != len(tensors):
        raise InputError(f"{owner} has {len(tensors)} inputs, and {len(arrays)} arrays were given")
    raw = [_raw(np.asarray(array), tensor) for array, tensor in zip(arrays, tensors, strict=True)]
    if len({len(array) for array in raw}) > 1:
        raise InputError(f"the inputs of {owner} have batches of {[len(array) for array in raw]} samples")
    return raw


def _raw(array: NDArray[Any], tensor: Tensor) -> Integers:
    if array.ndim == 0 or array.shape[1:] not in (tensor.shape, (tensor.size,)):
        wanted = ", ".join(map(str, tensor.shape))
        raise InputError(f"input {tensor.name} has shape {array.shape}, and (N, {wanted}) is wanted")
    array = array.reshape(len(array), *tensor.shape)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise InputError(f"input {tensor.name} holds NaN or infinity, which fixed point cannot carry")
        return tensor.type.quantise(array)
    if array.dtype.kind not in "iu":
        raise InputError(f"input {tensor.name} has dtype {array.dtype}; give floats, or raw integers")
    raw = array.astype(np.int64)
    if raw.size and (raw.min() < tensor.type.minimum or raw.max() > tensor.type.maximum):
        raise InputError(f"input {tensor.name} holds raw integers outside {tensor.type}")
    return raw
