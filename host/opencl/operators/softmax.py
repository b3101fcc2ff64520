"""Softmax and LogSoftmax."""

from __future__ import annotations

import onnx_ir as ir

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.movement import transposed
from weft.host.opencl.node import attribute, needed
from weft.host.opencl.rows import row_group
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import Tensor


def lower_softmax(lowering: Lowering, node: ir.Node) -> None:
    """exp(x - max) / sum(exp(x - max)) along an axis, or its logarithm (ONNX 13 and later)."""
    x = lowering.tensor(needed(node, 0))
    rank = len(x.shape)
    axis = attribute(node, "axis", -1) % rank
    order = [*(other for other in range(rank) if other != axis), axis]
    back = sorted(range(rank), key=order.__getitem__)
    result = softmax(lowering, transposed(lowering, x, order), log=node.op_type == "LogSoftmax")
    lowering.define(node.outputs[0], transposed(lowering, result, back))


def softmax(lowering: Lowering, x: Tensor, *, log: bool = False) -> Tensor:
    """Over the last axis."""
    result = lowering.allocate(x.shape)
    if result.size:
        group = row_group(lowering.context, x.shape[-1])
        text = source("softmax.cl.j2", group=group, log=log)
        lowering.launch(text, "softmax", (result, x, x.shape[-1]), (x.size // x.shape[-1] * group,), (group,))
    return result
