"""Products with weights in groups of 4 or 8 bits: MatMulNBits of com.microsoft (onnxruntime/docs/ContribOperators.md).

Row n of the weights is cut into blocks of `block_size` values with one scale each: w[n, k] = (q[n, k] - zero) * scale.
Two values of 4 bits share a byte, the even one in its lower half.
"""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from weft.host.opencl.gemm import THIN, Matrices, Size, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type, given, needed
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import Tensor

_PIECE = 8  # values that the kernels unpack at once


def check_matmul_nbits(node: ir.Node) -> str:
    """Blocks of whole pieces of eight, packed zero points, and no reordering of the groups."""
    bits, block, depth = (attribute(node, name, 0) for name in ("bits", "block_size", "K"))
    if (bits or 4) not in (4, 8):
        return f"weights of {bits} bits have no OpenCL kernel"
    if block % _PIECE or depth % _PIECE:
        return f"K and block_size must be multiples of {_PIECE}, and are {depth} and {block}"
    if given(node, 4) is not None:
        return "reordered groups (g_idx) have no OpenCL kernel"
    zeros = given(node, 3)
    if zeros is not None and element_type(zeros) != np.uint8:
        return "zero points that are not packed have no OpenCL kernel"
    return ""


def lower_matmul_nbits(lowering: Lowering, node: ir.Node) -> None:
    """a @ w.T (+ bias). Few rows are multiplied with the weights as they lie; more pay for unpacking these first."""
    a, packed, scales = (lowering.tensor(needed(node, number)) for number in range(3))
    optional = [given(node, number) for number in (3, 5)]
    zeros, bias = (None if value is None else lowering.tensor(value) for value in optional)
    depth, width = attribute(node, "K", 0), attribute(node, "N", 0)
    block = attribute(node, "block_size", 0)
    parameters = {"bits": attribute(node, "bits", 4) or 4, "block": block, "zeros": zeros is not None}
    weights = (packed, scales, *(() if zeros is None else (zeros,)))
    blocks = -(-depth // block)
    expected = (width * blocks * block * parameters["bits"] // 8, width * blocks)
    if (packed.size, scales.size) != expected or a.shape[-1] != depth or (bias is not None and bias.size != width):
        raise ValueError(f"{packed.shape} and {scales.shape} are not {width} x {depth} weights in blocks of {block}")
    if zeros is not None and zeros.size != width * -(-blocks * parameters["bits"] // 8):
        raise ValueError(f"{zeros.shape} are not the zero points of {width} x {blocks} blocks")
    result = lowering.allocate((*a.shape[:-1], width))
    rows = prod(a.shape[:-1])
    if rows > THIN:
        unpacked = lowering.allocate((width, depth))
        text = source("unpack_nbits.cl.j2", **parameters)
        lowering.launch_elements(text, "unpack", (unpacked, *weights, depth, blocks), depth // _PIECE, width)
        multiply(
            lowering,
            Matrices(a, depth, 1),
            Matrices(unpacked, 1, depth),
            Size(1, rows, width, depth),
            result,
            bias=bias,
            bias_along="" if bias is None else "column",
        )
    else:
        _thin(lowering, a, weights, bias, result, parameters, (rows, width, depth, blocks))
    lowering.define(node.outputs[0], result)


def _thin(
    lowering: Lowering,
    a: Tensor,
    weights: tuple[Tensor, ...],
    bias: Tensor | None,
    result: Tensor,
    parameters: dict[str, int],
    sizes: tuple[int, int, int, int],
) -> None:
    rows, width, depth, blocks = sizes
    lowering.launch_elements(
        source("gemv_nbits.cl.j2", **parameters, bias=bias is not None),
        "gemv",
        (result, a, *weights, *(() if bias is None else (bias,)), width, depth, blocks),
        width,
        rows,
    )
