"""MaxPool, AveragePool and their global forms."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from weft.hls.lowering.builder import Builder, Placed, shape_of
from weft.hls.lowering.nodes import attribute, explicit_padding
from weft.hls.precision import FixedType

_MEAN_BITS = 8  # fraction bits a mean keeps beyond its input's, so that its truncation is far below the result's step


def check_pool(node: ir.Node) -> str:
    """One or two dimensions, no dilation; hls4ml's stream kernel also wants windows that tile the image."""
    extents = shape_of(node.inputs[0])
    if extents is None or len(extents) not in (2, 3):
        return f"{node.op_type} on other than (batch, channels, width) or (batch, channels, height, width)"
    if any(extent != 1 for extent in attribute(node, "dilations", ())) or attribute(node, "ceil_mode", 0):
        return f"{node.op_type} with dilation or ceil_mode"
    if len(node.outputs) > 1:
        return f"{node.op_type} with indices"
    if explicit_padding(node, extents[1:]) is None:
        return f"{node.op_type} with a padding mode that needs its shape"
    return ""


def check_global_pool(node: ir.Node) -> str:
    """Over all of height and width, or all of width."""
    extents = shape_of(node.inputs[0])
    if extents is None or len(extents) not in (2, 3):
        return f"{node.op_type} on other than (batch, channels, width) or (batch, channels, height, width)"
    return ""


def needs_parallel(node: ir.Node) -> str:
    """Reason why a pool cannot be streamed (nnet_pooling_stream.h asserts these), or an empty string."""
    extents = shape_of(node.inputs[0])
    if node.op_type.startswith("Global") or extents is None:
        return ""
    window = tuple(attribute(node, "kernel_shape", ()))
    if any(explicit_padding(node, extents[1:]) or ()):
        return f"{node.op_type} with padding exists in hls4ml for io_parallel only"
    if tuple(attribute(node, "strides", ()) or (1,) * len(window)) != window:
        return f"{node.op_type} with overlapping windows exists in hls4ml for io_parallel only"
    return ""


def lower_pool(node: ir.Node, builder: Builder) -> None:
    """A window slides over the image."""
    data = builder.channels_last(builder.operand(node.inputs[0], node))
    extents = shape_of(node.outputs[0])
    assert extents is not None
    spatial = data.shape[:-1]
    padding = explicit_padding(node, spatial)
    assert padding is not None
    window = attribute(node, "kernel_shape", ())
    strides = attribute(node, "strides", ()) or (1,) * len(spatial)
    geometry: dict[str, Any] = {"data_format": "channels_last", "n_filt": extents[0], "padding": "valid"}
    sides = (("top", "bottom"), ("left", "right"))[-len(spatial) :]
    for axis, name in enumerate(("height", "width")[-len(spatial) :]):
        geometry |= {
            f"pool_{name}": int(window[axis]),
            f"stride_{name}": int(strides[axis]),
            f"pad_{sides[axis][0]}": padding[axis],
            f"pad_{sides[axis][1]}": padding[axis + len(spatial)],
        }
        if len(spatial) == 2:
            geometry |= {f"in_{name}": spatial[axis], f"out_{name}": extents[axis + 1]}
    if len(spatial) == 1:
        geometry |= {"n_in": spatial[0], "n_out": extents[1]}
    cells = int(window[0]) * (int(window[1]) if len(window) > 1 else 1)
    geometry["count_pad"] = bool(attribute(node, "count_include_pad", 0))
    _pool(node, builder, data, cells, f"Pooling{len(spatial)}D", (*extents[1:], extents[0]), geometry)


def lower_global_pool(node: ir.Node, builder: Builder) -> None:
    """One window over the whole image; ONNX keeps its axes, of extent 1."""
    data = builder.channels_last(builder.operand(node.inputs[0], node))
    spatial = data.shape[:-1]
    geometry: dict[str, Any] = {"data_format": "channels_last", "n_filt": data.shape[-1]}
    if len(spatial) == 2:
        geometry |= {"in_height": spatial[0], "in_width": spatial[1]}
    else:
        geometry["n_in"] = spatial[0]
    cells = spatial[0] * (spatial[1] if len(spatial) == 2 else 1)
    _pool(node, builder, data, cells, f"GlobalPooling{len(spatial)}D", (data.shape[-1],), geometry)


def _pool(
    node: ir.Node,
    builder: Builder,
    data: Placed,
    cells: int,
    kind: str,
    stored: tuple[int, ...],
    geometry: dict[str, Any],
) -> None:
    operation = "Max" if "Max" in node.op_type else "Average"
    accumulator = data.type
    if operation == "Average":
        integer = data.type.integer + (not data.type.signed) + cells.bit_length()
        accumulator = FixedType(integer + data.type.fraction + _MEAN_BITS, integer)
    exact = _unrounded(data.type if operation == "Max" else accumulator)
    result = builder.result_type(node.outputs[0], exact)
    # hls4ml reads the operation off the class name (MaxPooling2D, GlobalAveragePooling1D).
    name = builder.add(
        f"Global{operation}{kind.removeprefix('Global')}" if kind.startswith("Global") else f"{operation}{kind}",
        [data.tensor],
        result,
        [node],
        label="pool",
        precision={"accum": builder.uniform or _unrounded(accumulator)},
        **geometry,
    )
    shape, axes = stored, (*range(1, len(data.shape)), 0)
    if kind.startswith("Global"):  # hls4ml gives (channels,); the network has (channels, 1, 1)
        shape = (*(1,) * (len(data.shape) - 1), stored[0])
        name = builder.add("Reshape", [name], result, target_shape=list(shape))
    builder.place(node.outputs[0], Placed(name, shape, result, axes))


def _unrounded(kind: FixedType) -> FixedType:
    """The same range with ap_fixed's default modes: nothing is rounded into it."""
    return FixedType(kind.width, kind.integer, kind.signed)
