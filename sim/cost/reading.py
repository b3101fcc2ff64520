"""What the costs read off a design, a layer or a tensor."""

from __future__ import annotations

from math import ceil

from weft.boards.errors import InputError
from weft.hls.design import Layer, Tensor
from weft.hls.precision import FixedType

#: hls4ml's default accumulator, ap_fixed<16,6>, which the published rows have.
WORD_BITS = 16


def partitions(layer: Layer) -> int:
    """Parts of a convolution's output that are made one after another (io_parallel)."""
    pixels = whole(layer, "out_width") * whole(layer, "out_height", 1)
    return whole(layer, "n_partitions", ceil(pixels / whole(layer, "parallelization_factor", 1)))


def beats(tensor: Tensor) -> int:
    """FIFO elements of one sample; one element is the last axis."""
    return max(1, tensor.size // channels(tensor))


def channels(tensor: Tensor) -> int:
    """Values in one FIFO element."""
    return max(1, tensor.shape[-1]) if tensor.shape else 1


def whole(layer: Layer, name: str, default: int | None = None) -> int:
    """An integer attribute, named as hls4ml names it. Raises InputError if it is missing or no integer."""
    value = layer.attributes.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"layer {layer.name} ({layer.kind}) has no integer {name!r}: the design is damaged")
    return value


def attribute_type(layer: Layer, name: str, default: FixedType) -> FixedType:
    """An attribute that is a type, or `default` where the design has none."""
    value = layer.attributes.get(name)
    return value if isinstance(value, FixedType) else default


def reuse(layer: Layer) -> int:
    """The reuse factor, at least 1."""
    return max(1, layer.reuse_factor)
