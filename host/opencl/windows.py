"""Windows that move over images: convolutions' and pools' sizes, strides, padding and dilation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from weft.host.opencl.node import attribute


@dataclass(frozen=True)
class Sliding:
    """Over two spatial axes, height first; one-dimensional images have a height of 1. `ends` is the padding behind."""

    window: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
    ends: tuple[int, int]
    dilations: tuple[int, int]

    def output(self, height: int, width: int, *, ceil: bool = False) -> tuple[int, int]:
        """Height and width of the result (ONNX operators Conv and MaxPool)."""
        sizes = zip((height, width), self.window, self.strides, self.pads, self.ends, self.dilations, strict=True)
        return _pair([max(_extent(*size, ceil=ceil), 0) for size in sizes])


def _extent(size: int, window: int, stride: int, begin: int, end: int, dilation: int, *, ceil: bool) -> int:
    free = size + begin + end - dilation * (window - 1) - 1
    if not ceil:
        return free // stride + 1
    count = -(-free // stride) + 1
    # A last window that would begin in the padding behind is left out (ONNX operator MaxPool).
    return count - 1 if (count - 1) * stride >= size + begin else count


def sliding(node: ir.Node, window: Sequence[int], spatial: Sequence[int]) -> Sliding:
    """The window of a Conv or pool over images whose spatial sizes are `spatial`, one or two of them."""
    count = len(spatial)
    strides = attribute(node, "strides", None) or (1,) * count
    dilations = attribute(node, "dilations", None) or (1,) * count
    pads = _padding(node, window, spatial, strides, dilations)
    return Sliding(
        _pair(window), _pair(strides), _pair(pads[:count], fill=0), _pair(pads[count:], fill=0), _pair(dilations)
    )


def _padding(
    node: ir.Node, window: Sequence[int], spatial: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Sequence[int]:
    mode = attribute(node, "auto_pad", "NOTSET")
    if mode == "NOTSET":
        return attribute(node, "pads", None) or (0,) * (2 * len(spatial))
    if mode == "VALID":
        return (0,) * (2 * len(spatial))
    before, after = [], []
    for extent, size, stride, dilation in zip(spatial, window, strides, dilations, strict=True):
        total = max((-(-extent // stride) - 1) * stride + dilation * (size - 1) + 1 - extent, 0)
        before.append(total // 2 if mode == "SAME_UPPER" else total - total // 2)
        after.append(total - before[-1])
    return (*before, *after)


def _pair(values: Sequence[int], fill: int = 1) -> tuple[int, int]:
    first, second = values if len(values) == 2 else (fill, *values)
    return int(first), int(second)
