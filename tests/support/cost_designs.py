"""Designs of a layer or a chain of layers, to cost them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType
from weft.sim.cost import layer_cost
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context
from weft.sim.cost.timing import Cost

WORD = FixedType(16, 6)

#: Fabrics by the parts that reports name.
FABRICS = {
    "xc7z020": "zynq7",
    "xcvu9p": "alveo",
    "xcu250": "alveo",
    "xcu50": "alveo",
    "xczu49dr": "zynq_ultrascale_plus",
}


def weight(*shape: int, type: FixedType = WORD) -> Weight:
    """Constants of all sizes, the same with any NumPy."""
    return Weight((np.arange(np.prod(shape)).reshape(shape) * 37 % 251 - 125).astype(np.int64), type)


def single(layer: Layer, io: Io, source: Tensor, result: Tensor, *others: Tensor, clock_ns: float = 5.0) -> Design:
    """A design of one layer; `others` are further inputs."""
    inputs = (source.name, *(tensor.name for tensor in others))
    named = replace(layer, inputs=inputs, outputs=(result.name,))
    tensors = {tensor.name: tensor for tensor in (source, *others, result)}
    return Design("one", io, clock_ns, "", (named,), tensors, inputs, (result.name,))


def cost_of(design: Design, part: str, tool: str) -> Cost:
    """The cost of a design's last layer."""
    context = Context(design, fabric_of(FABRICS[part]), design.clock_ns, tool)
    return layer_cost(design.layers[-1], context)


def plain(kind: str, **attributes: Value) -> Layer:
    """A layer without weights."""
    return Layer("one", kind, (), (), attributes)


def stream(name: str, *shape: int, bits: int = 16) -> Tensor:
    """A tensor with a FIFO for all of it."""
    return Tensor(name, shape, FixedType(bits, 6), int(np.prod(shape[:-1])))
