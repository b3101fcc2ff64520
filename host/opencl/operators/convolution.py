"""Convolutions: a matrix product over what the window sees, which is read where it lies (implicit GEMM). Depthwise ones
have too little to multiply for that and are computed directly."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from weft.host.opencl.gemm import Matrices, Size, Window, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, given, needed
from weft.host.opencl.operators.linear import relu_after
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor
from weft.host.opencl.windows import Sliding, sliding


def check_conv(node: ir.Node) -> str:
    """One or two spatial axes."""
    return check_conv_weights(node, 1)


def check_conv_weights(node: ir.Node, number: int) -> str:
    """One or two spatial axes, by the rank of input `number`."""
    weights = given(node, number)
    rank = len(weights.shape) if weights is not None and weights.shape is not None else 0
    if rank not in (3, 4):
        return f"convolutions here have one or two spatial axes, and these weights have rank {rank}"
    return ""


def lower_conv(lowering: Lowering, node: ir.Node) -> None:
    """result[n, o, p] = bias[o] + sum over c, taps of weights[o, c, tap] x[n, c, p . stride + tap - pad], and
    the ReLU after it where nothing else reads the result."""
    x, weights = lowering.tensor(needed(node, 0)), lowering.tensor(needed(node, 1))
    added = given(node, 2)
    end = relu_after(lowering, node)
    bias = None if added is None else lowering.tensor(added)
    lowering.define(end.outputs[0], convolved(lowering, node, x, weights, bias, x.dtype, relu=end is not node))


def convolved(
    lowering: Lowering,
    node: ir.Node,
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    dtype: np.dtype[Any],
    *,
    relu: bool = False,
) -> Tensor:
    """The convolution that the node's attributes describe, as float32, or as int32 of integers (`gemm.multiply`)."""
    groups = attribute(node, "group", 1)
    if x.shape[1] != weights.shape[1] * groups or weights.shape[0] % groups or len(x.shape) != len(weights.shape):
        raise ValueError(f"{x.shape} cannot be convolved with {weights.shape} in {groups} groups")
    if bias is not None and bias.shape != weights.shape[:1]:
        raise ValueError(f"{bias.shape} is no bias of {weights.shape[0]} channels")
    slide = sliding(node, weights.shape[2:], x.shape[2:])
    height, width = x.shape[2:] if len(x.shape) == 4 else (1, x.shape[2])
    out = slide.output(height, width)
    spatial = out if len(x.shape) == 4 else out[1:]
    result = lowering.allocate((x.shape[0], weights.shape[0], *spatial), dtype)
    layer = _Layer(x, weights, bias, result, slide, (height, width), out, groups, relu)
    if groups > 1 and weights.shape[1] == 1:
        _depthwise(lowering, layer)
    else:
        _product(lowering, layer)
    return result


@dataclass(frozen=True)
class _Layer:
    """A convolution with everything worked out; `image` and `out` are heights and widths."""

    x: Tensor
    weights: Tensor
    bias: Tensor | None
    result: Tensor
    slide: Sliding
    image: tuple[int, int]
    out: tuple[int, int]
    groups: int
    relu: bool


def _product(lowering: Lowering, layer: _Layer) -> None:
    """For each image and group: weights (channels out x taps) times what the taps see (taps x positions)."""
    weights, slide = layer.weights, layer.slide
    taps, channels = prod(weights.shape[1:]), weights.shape[0] // layer.groups
    x, (height, width) = _padded(lowering, layer)
    size = Size(layer.x.shape[0] * layer.groups, channels, prod(layer.out), taps)
    pointwise = slide.window == slide.strides == (1, 1) and slide.pads == slide.ends == (0, 0)
    window = Window(height, width, layer.out[1], slide.window, slide.strides, slide.dilations)
    multiply(
        lowering,
        Matrices(weights, taps, 1, 1, layer.groups, channels * taps),
        Matrices(x, height * width if pointwise else 0, 1, 1, max(size.batch, 1), weights.shape[1] * height * width),
        size,
        layer.result,
        window=None if pointwise else window,
        bias=layer.bias,
        bias_along="" if layer.bias is None else "row",
        relu=layer.relu,
    )


def _padded(lowering: Lowering, layer: _Layer) -> tuple[Tensor, tuple[int, int]]:
    """The images with their padding, and their height and width then: so that a window never leaves them, as looking
    whether it does takes a processor as long as the products."""
    (height, width), slide = layer.image, layer.slide
    if slide.pads == slide.ends == (0, 0):
        return layer.x, layer.image
    tall, wide = height + slide.pads[0] + slide.ends[0], width + slide.pads[1] + slide.ends[1]
    planes = layer.x.shape[:2]
    result = lowering.allocate((*planes, tall, wide))
    arguments = (result, layer.x, height, width, tall, wide, *slide.pads)
    text, rows = source("pad.cl.j2", whole=lowering.context.is_cpu), prod(planes) * tall
    if lowering.context.is_cpu:
        lowering.launch(text, "pad", arguments, (1, rows), (1, tall))
    else:
        lowering.launch_elements(text, "pad", arguments, wide, rows)
    return result, (tall, wide)


def _depthwise(lowering: Lowering, layer: _Layer) -> None:
    """Every channel with a window of its own."""
    slide, channels, planes = layer.slide, layer.weights.shape[0], layer.x.shape[1]
    text = source(
        "depthwise.cl.j2",
        bias=layer.bias is not None,
        relu=layer.relu,
        total=C_TYPES[layer.result.dtype],
        window_height=slide.window[0],
        window_width=slide.window[1],
    )
    arguments = (
        *(layer.result, layer.x, layer.weights),
        *(() if layer.bias is None else (layer.bias,)),
        *(channels, channels // planes),
        *(*layer.image, *layer.out, *slide.strides, *slide.pads, *slide.dilations),
    )
    height, width = layer.out
    lowering.launch_elements(text, "depthwise", arguments, width, height, layer.x.shape[0] * channels)
