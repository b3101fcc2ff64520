"""Operators that move values: Flatten, Reshape, Transpose, Pad, Resize, Concat, Squeeze, Unsqueeze and Identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from weft.hls.lowering.activation import PLAIN
from weft.hls.lowering.builder import Builder, Placed, quantised_copies, shape_of
from weft.hls.lowering.nodes import attribute, computed_inputs, is_constant
from weft.hls.precision import FixedType


def check_reshape(node: ir.Node) -> str:
    """Keeps the batch, and shapes are known."""
    before, after = shape_of(node.inputs[0]), shape_of(node.outputs[0])
    if before is None or after is None or int(np.prod(before)) != int(np.prod(after)):
        return f"{node.op_type} that mixes the batch with other axes"
    return "" if 1 <= len(after) <= 3 else f"{node.op_type} to {len(after)} axes beside the batch"


def lower_reshape(node: ir.Node, builder: Builder) -> None:
    """Row-major order of the network, whatever order the design holds. Flattening an image that only a MatMul reads
    costs nothing: the MatMul's rows are reordered instead."""
    data = builder.operand(node.inputs[0], node)
    extents = shape_of(node.outputs[0])
    assert extents is not None
    network = tuple(range(len(data.shape)))
    order = None
    if len(extents) == 1 and not _in_network_order(data):
        if _read_by_matmul_alone(node.outputs[0], builder):
            whole = np.arange(int(np.prod(data.shape)), dtype=np.int64)
            sizes = [data.shape[data.axes.index(axis)] for axis in network]
            order = whole.reshape(sizes).transpose(data.axes).reshape(-1)
        else:
            data = builder.reordered(data, network)
    elif not _in_network_order(data):
        data = builder.reordered(data, network)
    name = data.tensor
    if data.shape != extents:
        # A flattened stream keeps its packs in hls4ml, which of all layers Dense alone can read.
        keeps = builder.io == "io_parallel" or len(extents) > 1 or _read_by_matmul_at_once(node.outputs[0], builder)
        kind = "Reshape" if keeps else "Repack"
        name = builder.add(kind, [data.tensor], data.type, [node], target_shape=list(extents))
    builder.place(node.outputs[0], Placed(name, extents, data.type, tuple(range(len(extents))), order))


def _in_network_order(data: Placed) -> bool:
    """True if the stored row-major order is the network's (axes of extent 1 may be anywhere)."""
    moving = [axis for axis, extent in zip(data.axes, data.shape, strict=True) if extent > 1]
    return moving == sorted(moving)


def _read_by_matmul_alone(value: ir.Value, builder: Builder) -> bool:
    """True if all that reads `value` in the end is MatMul or Gemm of the region, behind value-wise activations."""
    if value.is_graph_output():
        return False
    for consumer in value.consumers():
        if consumer not in builder.nodes:
            return False
        if consumer.op_type in ("MatMul", "Gemm"):
            if consumer.inputs[0] is not value:
                return False
        elif consumer.op_type == "QuantizeLinear" or consumer.op_type in PLAIN:
            aliases = quantised_copies(value, builder.nodes) if consumer.op_type == "QuantizeLinear" else []
            if not all(_read_by_matmul_alone(output, builder) for output in aliases or consumer.outputs):
                return False
        else:
            return False
    return True


def _read_by_matmul_at_once(value: ir.Value, builder: Builder) -> bool:
    """True if no layer but a MatMul's or Gemm's stands behind `value`, or if it leaves the design."""
    return all(
        consumer.op_type in ("MatMul", "Gemm")
        or (
            consumer.op_type == "QuantizeLinear"
            and all(_read_by_matmul_at_once(copy, builder) for copy in quantised_copies(value, builder.nodes))
        )
        for consumer in value.consumers()
        if consumer in builder.nodes
    )


def check_transpose(node: ir.Node) -> str:
    """Leaves the batch where it is."""
    perm = attribute(node, "perm", ())
    if not perm or perm[0] != 0:
        return "Transpose of the batch axis"
    return "" if len(perm) <= 4 else f"Transpose of {len(perm) - 1} axes beside the batch"


def lower_transpose(node: ir.Node, builder: Builder) -> None:
    """Renames the axes; values move only when a later layer needs them elsewhere, or at the design's end."""
    data = builder.operand(node.inputs[0], node)
    perm = [axis - 1 for axis in attribute(node, "perm", ())[1:]]
    axes = tuple(perm.index(axis) for axis in data.axes)
    builder.place(node.outputs[0], replace(data, axes=axes))


def lower_identity(node: ir.Node, builder: Builder) -> None:
    """Identity and Dropout: the same value under another name."""
    builder.place(node.outputs[0], builder.operand_in_any_order(node.inputs[0], node))


def check_pad(node: ir.Node) -> str:
    """Constant zeros around height and width."""
    extents = shape_of(node.inputs[0])
    if extents is None or len(extents) not in (2, 3):
        return "Pad of other than an image or a sequence of channels"
    if attribute(node, "mode", "constant") != "constant" or not is_constant(node.inputs[1]):
        return "Pad with another mode than constant"
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        return "Pad with axes"
    value = node.inputs[2] if len(node.inputs) > 2 else None
    if value is not None and (value.const_value is None or float(value.const_value.numpy().reshape(-1)[0]) != 0):
        return "Pad with another value than zero"
    rank = len(extents) + 1
    pads = _pads(node)
    outside = (*pads[:2], *pads[rank : rank + 2])
    return "Pad of batch or channels, or with negative pads" if any(outside) or min(pads) < 0 else ""


def _pads(node: ir.Node) -> list[int]:
    assert node.inputs[1] is not None and node.inputs[1].const_value is not None
    return [int(pad) for pad in node.inputs[1].const_value.numpy().reshape(-1)]


def lower_pad(node: ir.Node, builder: Builder) -> None:
    """ZeroPadding1D or ZeroPadding2D."""
    data = builder.channels_last(builder.operand(node.inputs[0], node))
    pads, rank = _pads(node), len(data.shape) + 1
    spatial = data.shape[:-1]
    begins, ends = pads[2:rank], pads[rank + 2 :]
    shape = (*(extent + b + e for extent, b, e in zip(spatial, begins, ends, strict=True)), data.shape[-1])
    geometry: dict[str, Any] = {"n_chan": data.shape[-1], "data_format": "channels_last"}
    sides = (("top", "bottom"), ("left", "right"))[-len(spatial) :]
    for axis, name in enumerate(("height", "width")[-len(spatial) :]):
        geometry |= {f"in_{name}": spatial[axis], f"out_{name}": shape[axis]}
        geometry |= {f"pad_{sides[axis][0]}": begins[axis], f"pad_{sides[axis][1]}": ends[axis]}
    name = builder.add(f"ZeroPadding{len(spatial)}D", [data.tensor], data.type, [node], label="pad", **geometry)
    builder.place(node.outputs[0], replace(data, tensor=name, shape=shape))


def check_resize(node: ir.Node) -> str:
    """Nearest neighbour by whole factors, as upsampling layers export it."""
    before, after = shape_of(node.inputs[0]), shape_of(node.outputs[0])
    if before is None or after is None or len(before) != 3 or before[0] != after[0]:
        return "Resize of other than the height and width of an image"
    if attribute(node, "mode", "nearest") != "nearest":
        return "Resize other than nearest neighbour"
    if any(new % old for old, new in zip(before[1:], after[1:], strict=True)):
        return "Resize by other than whole factors"
    # For whole factors every coordinate mode but align_corners picks pixel floor(i / factor), given this rounding.
    mode = attribute(node, "coordinate_transformation_mode", "half_pixel")
    rounding = attribute(node, "nearest_mode", "round_prefer_floor")
    if (mode, rounding) in {
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("half_pixel", "round_prefer_ceil"),
        ("pytorch_half_pixel", "round_prefer_floor"),
    }:
        return ""
    return f"Resize with coordinate mode {mode} and rounding {rounding}"


def lower_resize(node: ir.Node, builder: Builder) -> None:
    """hls4ml's Resize."""
    data = builder.channels_last(builder.operand(node.inputs[0], node))
    extents = shape_of(node.outputs[0])
    assert extents is not None
    shape = (*extents[1:], extents[0])
    name = builder.add(
        "Resize",
        [data.tensor],
        data.type,
        [node],
        algorithm="nearest",
        data_format="channels_last",
        in_height=data.shape[0],
        in_width=data.shape[1],
        out_height=shape[0],
        out_width=shape[1],
        n_chan=shape[2],
    )
    builder.place(node.outputs[0], replace(data, tensor=name, shape=shape))


def check_concat(node: ir.Node) -> str:
    """Tensors of one rank, along another axis than the batch."""
    if len(computed_inputs(node)) != len(node.inputs):
        return "Concat with constants"
    rank = len(shape_of(node.inputs[0]) or ()) + 1
    if attribute(node, "axis", 1) % rank == 0:
        return "Concat along the batch"
    return "" if rank <= 4 else f"Concat of {rank - 1} axes beside the batch"


def lower_concat(node: ir.Node, builder: Builder) -> None:
    """A chain of hls4ml's Concatenate, which takes two."""
    first = builder.operand(node.inputs[0], node)
    if len(first.shape) > 1:
        first = builder.channels_last(first)
    network_axis = attribute(node, "axis", 1) % (len(first.shape) + 1) - 1
    axis = first.axes.index(network_axis)
    for value in node.inputs[1:]:
        second = builder.reordered(builder.operand(value, node), first.axes)
        shape = tuple(extent + (second.shape[axis] if index == axis else 0) for index, extent in enumerate(first.shape))
        kind = builder.result_type(node.outputs[0], _joined(first.type, second.type))
        name = builder.add(
            "Concatenate", [first.tensor, second.tensor], kind, [node], op=f"concatenate{len(shape)}d", axis=axis + 1
        )
        first = Placed(name, shape, kind, first.axes)
    builder.place(node.outputs[0], first)


def _joined(first: FixedType, second: FixedType) -> FixedType:
    """A type that holds both."""
    fraction = max(first.fraction, second.fraction)
    integer = max(kind.integer + (not kind.signed) for kind in (first, second))
    return first if first == second else FixedType(integer + fraction, integer)
