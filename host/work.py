"""How much there is to compute in a node: the basis of CPU predictions and of choosing the region with the most
work.
"""

from __future__ import annotations

from math import prod

import onnx_ir as ir


def sample_shape(value: ir.Value | None) -> tuple[int, ...]:
    """The shape of one sample: symbolic axes, the batch among them, count as 1."""
    if value is None or value.shape is None:
        return ()
    return tuple(dim if isinstance(dim, int) else 1 for dim in value.shape)


def sample_bytes(value: ir.Value) -> int:
    """Bytes of one sample of a tensor in host memory (float32 where the type is unknown; of strings the pointers)."""
    match value.dtype:
        case None | ir.DataType.UNDEFINED:
            width: float = ir.DataType.FLOAT.itemsize
        case ir.DataType.STRING:
            width = ir.DataType.INT64.itemsize
        case known:
            width = known.itemsize
    return int(prod(sample_shape(value)) * width)


def steps(node: ir.Node) -> int:
    """Time steps of a recurrent layer, which follow one another: its input is (steps, batch, features) unless the
    attribute `layout` says that the batch comes first. An unknown number counts as 1."""
    batch_first = "layout" in node.attributes and node.attributes["layout"].as_int() == 1
    shape = sample_shape(node.inputs[0])
    return shape[1 if batch_first else 0] if len(shape) == 3 else 1


def operations(node: ir.Node) -> int:
    """Arithmetic operations for one sample; a multiply-accumulate counts as two, anything else as one per value."""
    values = prod(sample_shape(node.outputs[0])) if node.outputs else 0
    second = sample_shape(node.inputs[1]) if len(node.inputs) > 1 else ()
    match node.op_type:
        case "Conv" if second:
            return 2 * values * prod(second[1:])
        case "ConvTranspose" if second:
            return 2 * prod(sample_shape(node.inputs[0])) * prod(second[1:])
        case "MatMul" | "Gemm":
            first = sample_shape(node.inputs[0])
            return 2 * values * (first[-1] if first else 1)
        case "LSTM" | "GRU" | "RNN":
            return 2 * steps(node) * sum(prod(sample_shape(weights)) for weights in node.inputs[1:3])
        case "QuantizeLinear" | "DequantizeLinear" | "Quant":
            return 0  # on the FPGA a type, not an operation
        case _:
            return values
