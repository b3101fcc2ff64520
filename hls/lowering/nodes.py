"""Small questions about an ONNX node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from weft.hls.lowering.builder import shape_of
from weft.hls.passes.editing import is_quant
from weft.hls.passes.fix_dimensions import size_advice


def attribute(node: ir.Node, name: str, default: Any) -> Any:
    """An attribute's value, or ONNX's default for it."""
    found = node.attributes.get(name)
    return default if found is None or found.value is None else found.value


def is_constant(value: ir.Value | None) -> bool:
    """True for an initialiser, and for one behind a DequantizeLinear or a QONNX Quant."""
    if value is None:
        return False
    producer = value.producer()
    if producer is not None and (producer.op_type == "DequantizeLinear" or is_quant(producer)):
        stored = producer.inputs[0]
        return stored is not None and stored.const_value is not None
    return value.const_value is not None


def computed_inputs(node: ir.Node) -> list[ir.Value]:
    """Inputs that are neither absent nor constant."""
    return [value for value in node.inputs if value is not None and not is_constant(value)]


def single_reader(value: ir.Value) -> ir.Node | None:
    """The one node that reads `value`, if there is just one and the model does not output it."""
    consumers = list(value.consumers())
    return consumers[0] if len(consumers) == 1 and not value.is_graph_output() else None


def kernel_extents(node: ir.Node) -> tuple[int, ...] | None:
    """Height and width of the window of a Conv or pool: its attribute, or the shape of a Conv's weights."""
    stated = attribute(node, "kernel_shape", None)
    if stated is not None:
        return tuple(int(extent) for extent in stated)
    weights = shape_of(node.inputs[1]) if len(node.inputs) > 1 else None
    return None if weights is None else weights[1:]


def explicit_padding(node: ir.Node, spatial: Sequence[int]) -> tuple[int, ...] | None:
    """Padding as (begin of each axis, end of each axis), with auto_pad worked out (ONNX operator Conv)."""
    mode = attribute(node, "auto_pad", "NOTSET")
    window = kernel_extents(node)
    if window is None:
        return None
    strides = attribute(node, "strides", None) or (1,) * len(spatial)
    if mode == "NOTSET":
        return tuple(int(pad) for pad in attribute(node, "pads", None) or (0,) * (2 * len(spatial)))
    if mode == "VALID":
        return (0,) * (2 * len(spatial))
    begins, ends = [], []
    for extent, size, stride in zip(spatial, window, strides, strict=True):
        total = max((-(-extent // stride) - 1) * stride + size - extent, 0)
        small = total // 2
        begins.append(small if mode == "SAME_UPPER" else total - small)
        ends.append(total - begins[-1])
    return (*begins, *ends)


def all_shapes_known(node: ir.Node) -> str:
    """Reason why a node's shapes keep it off the FPGA, or an empty string."""
    for value in (*computed_inputs(node), *node.outputs):
        if shape_of(value) is None:
            advice = size_advice(node.graph) if node.graph is not None else ""
            return f"the shape of {value.name!r} is not fixed beyond the batch{advice and ': '}{advice}"
    return ""
