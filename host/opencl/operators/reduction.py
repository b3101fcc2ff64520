"""Reductions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type, integers, needed, positive
from weft.host.opencl.operators.elementwise import lower_identity
from weft.host.opencl.reductions import reduced

KINDS = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "product",
    "ReduceSum": "sum",
    "ReduceSumSquare": "square",
}


def check_reduction(node: ir.Node) -> str:
    """Of float32, or of integers where no root or mean is taken."""
    simple = KINDS[node.op_type] in ("sum", "max", "min", "product")
    dtype = element_type(node.outputs[0])
    if dtype == np.bool_ or (not simple and dtype != np.float32):
        return f"{node.op_type} of {dtype} has no OpenCL kernel"
    return ""


def lower_reduction(lowering: Lowering, node: ir.Node) -> None:
    """NumPy's sum, mean, max, min and prod over axes, and the norms (ONNX operators Reduce...)."""
    axes = integers(lowering, node, 1, "axes")
    if not axes and attribute(node, "noop_with_empty_axes", 0):
        lower_identity(lowering, node)
        return
    x = lowering.tensor(needed(node, 0))
    rank = len(x.shape)
    gone = positive(axes, rank) if axes else tuple(range(rank))
    result = reduced(lowering, x, gone, KINDS[node.op_type])
    if attribute(node, "keepdims", 1):
        result = result.reshaped(tuple(1 if axis in gone else size for axis, size in enumerate(x.shape)))
    lowering.define(node.outputs[0], result)
