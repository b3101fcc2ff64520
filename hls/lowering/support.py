"""Whether an ONNX node can go to the FPGA, and why not."""

from __future__ import annotations

import onnx_ir as ir

from weft.hls.design import Io
from weft.hls.lowering import OPERATORS, QUANTISERS
from weft.hls.lowering.nodes import all_shapes_known, is_constant
from weft.hls.lowering.pooling import needs_parallel


def supports(node: ir.Node, io: Io = "io_stream") -> str:
    """Why `node` cannot go to the FPGA, in a few words; an empty string where it can."""
    if node.domain not in ("", "ai.onnx", "qonnx.custom_op.general") or node.op_type not in (*OPERATORS, *QUANTISERS):
        domain = f" of domain {node.domain}" if node.domain else ""
        return f"operator {node.op_type}{domain} is not lowered"
    if node.op_type in QUANTISERS:
        return ""
    for value in (*node.inputs, *node.outputs):
        if value is not None and not is_constant(value) and value.dtype not in (None, ir.DataType.FLOAT):
            return f"{value.name!r} is {value.dtype}, not float32"
    reason = all_shapes_known(node) or OPERATORS[node.op_type].check(node)
    if not reason and io == "io_stream" and "Pool" in node.op_type:
        reason = needs_parallel(node)
    return reason
