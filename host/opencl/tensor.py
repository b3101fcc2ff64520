"""What a region's values are while it is turned into kernel launches."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

#: Element types that buffers hold, and what OpenCL C calls them. ONNX's bool is one byte of 0 or 1.
C_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.int32): "int",
    np.dtype(np.int64): "long",
    np.dtype(np.bool_): "uchar",
    np.dtype(np.uint8): "uchar",
    np.dtype(np.int8): "char",
    np.dtype(np.int16): "short",
    np.dtype(np.uint16): "ushort",
}


@dataclass(eq=False)
class Storage:
    """Memory that some launch fills. `buffer` is set where it is fixed (weights), and by the schedule elsewhere."""

    nbytes: int
    buffer: Any = None


@dataclass(frozen=True, eq=False)
class Tensor:
    """Values on the device, contiguous in C order."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    storage: Storage

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def reshaped(self, shape: tuple[int, ...]) -> Tensor:
        """The same memory under another shape. Raises ValueError unless it has as many elements."""
        if prod(shape) != self.size or any(size < 0 for size in shape):
            raise ValueError(f"{self.shape} cannot become {shape}")
        return Tensor(shape, self.dtype, self.storage)
