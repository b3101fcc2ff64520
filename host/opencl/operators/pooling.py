"""Pools over windows. The global ones are reductions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, element_type, needed
from weft.host.opencl.reductions import ENDS, reduced
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES
from weft.host.opencl.windows import sliding


def check_pool(node: ir.Node) -> str:
    """One or two spatial axes, and no second output."""
    count = len(attribute(node, "kernel_shape", None) or ())
    if count not in (1, 2):
        return f"pools here have one or two spatial axes, and this one has {count}"
    if sum(1 for value in node.outputs if value.name) > 1:
        return "a MaxPool's indices have no OpenCL kernel"
    if node.op_type == "AveragePool" and element_type(node.outputs[0]) != np.float32:
        return "AveragePool has an OpenCL kernel for float32 only"
    return ""


def lower_pool(lowering: Lowering, node: ir.Node) -> None:
    """The largest value of each window, or their mean (ONNX operators MaxPool and AveragePool)."""
    x = lowering.tensor(needed(node, 0))
    slide = sliding(node, attribute(node, "kernel_shape", None), x.shape[2:])
    height, width = x.shape[2:] if len(x.shape) == 4 else (1, x.shape[2])
    out = slide.output(height, width, ceil=bool(attribute(node, "ceil_mode", 0)))
    result = lowering.allocate((*x.shape[:2], *(out if len(x.shape) == 4 else out[1:])), x.dtype)
    mean, kind = node.op_type == "AveragePool", C_TYPES[x.dtype]
    lowering.launch_elements(
        source(
            "pool.cl.j2",
            type=kind,
            mean=mean,
            lowest="0" if mean else ENDS[kind]["lowest"],
            padded=bool(attribute(node, "count_include_pad", 0)),
        ),
        "pool",
        (
            *(result, x, height, width, *out, *slide.window, *slide.strides, *slide.pads, *slide.dilations),
            *(height + slide.ends[0], width + slide.ends[1]),
        ),
        out[1],
        out[0],
        x.shape[0] * x.shape[1],
    )
    lowering.define(node.outputs[0], result)


def lower_global_pool(lowering: Lowering, node: ir.Node) -> None:
    """The mean or the largest value of each channel."""
    x = lowering.tensor(needed(node, 0))
    kind = "mean" if node.op_type == "GlobalAveragePool" else "max"
    axes = tuple(range(2, len(x.shape)))
    shape = (*x.shape[:2], *(1 for _ in axes))
    lowering.define(node.outputs[0], reduced(lowering, x, axes, kind).reshaped(shape))
