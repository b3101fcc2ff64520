"""Convolutions: a matrix product over what the window sees, which is read where it lies (implicit GEMM). Depthwise ones
have too little to multiply for that and are computed directly."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from weft.host.opencl.gemm import Matrices, Size, Window, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type, given, needed
from weft.host.opencl.operators.linear import relu_after
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import Tensor
from weft.host.opencl.windows import Sliding, sliding


def check_conv(node: ir.Node) -> str:
    """One or two spatial axes."""
    weights = node.inputs[1] if len(node.inputs) > 1 else None
    rank = len(weights.shape) if weights is not None and weights.shape is not None else 0
    if rank not in (3, 4):
        return f"convolutions here have one or two spatial axes, and these weights have rank {rank}"
    return "" if element_type(node.outputs[0]) is not None else "its element type is unknown"


def lower_conv(lowering: Lowering, node: ir.Node) -> None:
    """result[n, o, p] = bias[o] + sum over c, taps of weights[o, c, tap] x[n, c, p . stride + tap - pad], and
    the ReLU after it where nothing else reads the result."""
    x, weights = lowering.tensor(needed(node, 0)), lowering.tensor(needed(node, 1))
    added = given(node, 2)
    bias = None if added is None else lowering.tensor(added)
    slide = sliding(node, weights.shape[2:], x.shape[2:])
    height, width = x.shape[2:] if len(x.shape) == 4 else (1, x.shape[2])
    out = slide.output(height, width)
    spatial = out if len(x.shape) == 4 else out[1:]
    result = lowering.allocate((x.shape[0], weights.shape[0], *spatial))
    groups = attribute(node, "group", 1)
    end = relu_after(lowering, node)
    if groups > 1 and weights.shape[1] == 1:
        _depthwise(lowering, x, weights, bias, result, slide, (height, width), out, relu=end is not node)
    else:
        _product(lowering, x, weights, bias, result, slide, (height, width), out, groups, relu=end is not node)
    lowering.define(end.outputs[0], result)


def _product(
    lowering: Lowering,
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    result: Tensor,
    slide: Sliding,
    image: tuple[int, int],
    out: tuple[int, int],
    groups: int,
    *,
    relu: bool,
) -> None:
    """For each image and group: weights (channels out x taps) times what the taps see (taps x positions)."""
    taps = prod(weights.shape[1:])
    channels = weights.shape[0] // groups
    planes = weights.shape[1] * prod(image)
    size = Size(x.shape[0] * groups, channels, prod(out), taps)
    left = Matrices(weights, taps, 1, 1, groups, channels * taps)
    pointwise = slide.window == slide.strides == (1, 1) and slide.pads == slide.ends == (0, 0)
    row = prod(image) if pointwise else 0
    multiply(
        lowering,
        left,
        Matrices(x, row, 1, 1, max(size.batch, 1), planes),
        size,
        result,
        window=None if pointwise else Window(*image, out[1], slide.window, slide.strides, slide.pads, slide.dilations),
        bias=bias,
        bias_along="" if bias is None else "row",
        relu=relu,
    )


def _depthwise(
    lowering: Lowering,
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    result: Tensor,
    slide: Sliding,
    image: tuple[int, int],
    out: tuple[int, int],
    *,
    relu: bool,
) -> None:
    lowering.launch_elements(
        source(
            "depthwise.cl.j2",
            bias=bias is not None,
            relu=relu,
            window_height=slide.window[0],
            window_width=slide.window[1],
        ),
        "depthwise",
        (
            *(result, x, weights),
            *(() if bias is None else (bias,)),
            *(weights.shape[0], weights.shape[0] // x.shape[1]),
            *(*image, *out, *slide.strides, *slide.pads, *slide.dilations),
        ),
        out[1],
        out[0],
        x.shape[0] * weights.shape[0],
    )
