"""Values of an ONNX tensor as the integers that a design's AXI4-Stream carries, and back.

On the stream each value is a two's-complement little-endian integer of `FixedType.storage`, row-major, channels last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError
from weft.hls.design import Design, Tensor


def pack(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Floating-point samples (N, *ONNX shape) as integers (N, *tensor.shape), contiguous and ready to transfer."""
    if not np.isfinite(values).all():
        raise InputError(f"input {_name(tensor)!r} holds NaN or infinity, which fixed point cannot represent")
    stored = values.transpose(0, *(axis + 1 for axis in _axes(tensor)))
    raw = tensor.type.quantise(stored.reshape(-1, *tensor.shape))
    return np.ascontiguousarray(raw, tensor.type.storage.newbyteorder("<"))


def unpack(raw: NDArray[Any], tensor: Tensor) -> NDArray[np.float32]:
    """Integers from a stream (N, *tensor.shape) as float32 samples (N, *ONNX shape)."""
    values = tensor.type.to_float(raw).astype(np.float32)
    back = np.argsort(_axes(tensor))
    return np.ascontiguousarray(values.transpose(0, *(axis + 1 for axis in back)))


def ends(design: Design) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """A design's input and output tensors, in the order of its streams."""
    return (
        tuple(design.tensors[name] for name in design.inputs),
        tuple(design.tensors[name] for name in design.outputs),
    )


def stream_bytes(design: Design, samples: int) -> int:
    """Bytes that all of a design's streams carry for `samples` samples, both ways."""
    return samples * sum(tensor.stream_bytes for end in ends(design) for tensor in end)


def _axes(tensor: Tensor) -> tuple[int, ...]:
    """The network's axis of each of the stream's; a design that came from no network has no other order."""
    return tensor.onnx_axes or tuple(range(len(tensor.shape)))


def _name(tensor: Tensor) -> str:
    return tensor.onnx_name or tensor.name
