"""MatMul, Gemm and Conv with constant weights: hls4ml's Dense, Conv1D, Conv2D and DepthwiseConv2D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import ModelError
from weft.hls.lowering.builder import Builder, Constant, Placed, exact_sum_type, fitted, narrowed, shape_of
from weft.hls.lowering.nodes import attribute, explicit_padding, is_constant, kernel_extents, single_reader
from weft.hls.precision import FixedType

_WEIGHT_BITS = 16  # weights of a model without quantisation and without a uniform precision


@dataclass(frozen=True, eq=False)
class _Sum:
    """A sum of products, typed: weights and bias as float64, their types, the accumulator's and the result's."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    precision: dict[str, FixedType]
    result: FixedType


def check_matmul(node: ir.Node) -> str:
    """Dense: a matrix (N, K) times a constant (K, M)."""
    data, matrix = node.inputs[0], node.inputs[1]
    if not is_constant(matrix):
        return "MatMul of two computed tensors"
    if shape_of(data) is None or data is None or data.shape is None or len(data.shape) != 2:
        return "MatMul of a tensor that is not (batch, features)"
    return "" if matrix is not None and matrix.shape is not None and len(matrix.shape) == 2 else "MatMul by a vector"


def check_gemm(node: ir.Node) -> str:
    """Gemm with constants, as loading leaves it where it could not split it."""
    if attribute(node, "transA", 0) or attribute(node, "alpha", 1.0) != 1 or attribute(node, "beta", 1.0) != 1:
        return "Gemm with transA, alpha or beta"
    if len(node.inputs) > 2 and node.inputs[2] is not None and not is_constant(node.inputs[2]):
        return "Gemm with a computed bias"
    return check_matmul(node).replace("MatMul", "Gemm")


def lower_matmul(node: ir.Node, builder: Builder) -> None:
    """MatMul, and the Add of a constant vector that follows it."""
    matrix = builder.constant(node.inputs[1])
    assert matrix is not None
    adding = _bias_add(node, builder)
    bias = builder.constant(adding.inputs[1 - adding.inputs.index(node.outputs[0])]) if adding is not None else None
    _dense(node, adding, matrix, bias, builder)


def lower_gemm(node: ir.Node, builder: Builder) -> None:
    """Gemm as one Dense layer."""
    matrix = builder.constant(node.inputs[1])
    assert matrix is not None
    if attribute(node, "transB", 0):
        matrix = Constant(matrix.values.T, matrix.type)
    _dense(node, None, matrix, builder.constant(node.inputs[2]) if len(node.inputs) > 2 else None, builder)


def _dense(node: ir.Node, adding: ir.Node | None, matrix: Constant, bias: Constant | None, builder: Builder) -> None:
    data = builder.operand_in_any_order(node.inputs[0], node)
    if data.order is not None:
        matrix = Constant(matrix.values[data.order], matrix.type)
    n_in, n_out = matrix.values.shape
    output = (adding or node).outputs[0]
    typed = _typed(builder, data, matrix, bias, output, node)
    name = builder.add(
        "Dense",
        [data.tensor],
        typed.result,
        [node, *([adding] if adding is not None else [])],
        precision=typed.precision,
        n_in=n_in,
        n_out=n_out,
        weight_data=typed.weight,
        bias_data=typed.bias,
        use_bias=True,
    )
    builder.place(output, Placed(name, (n_out,), typed.result, (0,)))
    if adding is not None:
        builder.done.add(adding)


def _bias_add(node: ir.Node, builder: Builder) -> ir.Node | None:
    """The Add of a constant vector that alone reads this MatMul, if it is in the region."""
    reader = single_reader(node.outputs[0])
    if reader is None or reader.op_type != "Add" or reader not in builder.nodes:
        return None
    other = builder.constant(reader.inputs[1 - reader.inputs.index(node.outputs[0])])
    extent = (shape_of(node.outputs[0]) or (0,))[-1]
    return reader if other is not None and other.values.size in (1, extent) else None


def check_conv(node: ir.Node) -> str:
    """Conv in one or two dimensions with constant weights, no dilation, and one group or one a channel."""
    data, kernel = node.inputs[0], node.inputs[1]
    extents = shape_of(data)
    if not is_constant(kernel) or kernel is None or kernel.shape is None:
        return "Conv with computed weights"
    if len(node.inputs) > 2 and node.inputs[2] is not None and not is_constant(node.inputs[2]):
        return "Conv with a computed bias"
    if extents is None or len(extents) not in (2, 3):
        return "Conv on other than (batch, channels, width) or (batch, channels, height, width)"
    if any(extent != 1 for extent in attribute(node, "dilations", ())):
        return "Conv with dilation"
    group, channels, filters = attribute(node, "group", 1), extents[0], kernel.shape[0]
    if group != 1 and not (group == channels == filters):
        return f"Conv with {group} groups of several channels"
    if group != 1 and len(extents) != 3:
        return "depthwise Conv in one dimension"
    return "" if explicit_padding(node, extents[1:]) is not None else "Conv with a padding mode that needs its shape"


def lower_conv(node: ir.Node, builder: Builder) -> None:
    """Conv as Conv1D, Conv2D or DepthwiseConv2D, weights as (height, width, channels, filters)."""
    data = builder.channels_last(builder.operand(node.inputs[0], node))
    kernel = builder.constant(node.inputs[1])
    assert kernel is not None
    depthwise = attribute(node, "group", 1) != 1
    # ONNX has (filters, channels, *window); a depthwise kernel is (channels, 1, *window).
    last = np.moveaxis(kernel.values, (0, 1), (-2, -1) if depthwise else (-1, -2))
    bias = builder.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    output = node.outputs[0]
    typed = _typed(builder, data, Constant(last, kernel.type), bias, output, node, depthwise=depthwise)
    extents = shape_of(output)
    assert extents is not None
    name = builder.add(
        "DepthwiseConv2D" if depthwise else f"Conv{len(extents) - 1}D",
        [data.tensor],
        typed.result,
        [node],
        precision=typed.precision,
        label="conv",
        **_geometry(node, data.shape, extents),
        **({"depthwise_data": typed.weight, "depth_multiplier": 1} if depthwise else {"weight_data": typed.weight}),
        bias_data=typed.bias,
        use_bias=True,
    )
    axes = (*range(1, len(extents)), 0)
    builder.place(output, Placed(name, (*extents[1:], extents[0]), typed.result, axes))


def _geometry(node: ir.Node, stored: tuple[int, ...], extents: tuple[int, ...]) -> dict[str, Any]:
    spatial = stored[:-1]
    window = kernel_extents(node)
    strides = attribute(node, "strides", ()) or (1,) * len(spatial)
    padding = explicit_padding(node, spatial)
    assert padding is not None and window is not None
    geometry: dict[str, Any] = {
        "n_chan": stored[-1],
        "n_filt": extents[0],
        "data_format": "channels_last",
        "padding": "valid" if not any(padding) else "same",
    }
    sides = (("top", "bottom"), ("left", "right"))[-len(spatial) :]
    for axis, name in enumerate(("height", "width")[-len(spatial) :]):
        geometry |= {
            f"in_{name}": spatial[axis],
            f"out_{name}": extents[axis + 1],
            f"filt_{name}": window[axis],
            f"stride_{name}": int(strides[axis]),
            f"pad_{sides[axis][0]}": padding[axis],
            f"pad_{sides[axis][1]}": padding[axis + len(spatial)],
        }
    return geometry


def _typed(
    builder: Builder,
    data: Placed,
    weight: Constant,
    bias: Constant | None,
    output: ir.Value,
    node: ir.Node,
    *,
    depthwise: bool = False,
) -> _Sum:
    """Types of a sum of products. Under quantisation the accumulator holds every possible sum exactly, so neither
    products nor sums ever round or wrap; under a uniform precision it is that precision, as in hls4ml."""
    n_out = weight.values.shape[-2] if depthwise else weight.values.shape[-1]
    offsets = np.zeros(n_out) if bias is None else np.broadcast_to(bias.values.reshape(-1), (n_out,)).copy()
    if builder.uniform is not None:
        kinds: dict[str, FixedType] = dict.fromkeys(("weight", "bias", "accum"), builder.uniform)
        return _Sum(weight.values, offsets, kinds, builder.uniform)
    weight_type = weight.type or fitted(weight.values, _WEIGHT_BITS)
    raw = weight_type.quantise(weight.values)
    fraction = data.type.fraction + weight_type.fraction
    start = FixedType(64, 64 - fraction, True, "RND_CONV", "SAT").quantise(offsets)
    bias_type = narrowed(start, fraction)
    per_output = (
        np.abs(raw).reshape(-1, n_out, 1).sum(axis=0)[:, 0] if depthwise else np.abs(raw).reshape(-1, n_out).sum(axis=0)
    )
    largest = max(data.type.maximum, -data.type.minimum)
    magnitude = int((per_output * largest + np.abs(start)).max(initial=1))
    accumulator = exact_sum_type(magnitude, fraction)
    if accumulator.width > 64:
        raise ModelError(f"node {node.name!r} needs an accumulator of {accumulator.width} bits, and 64 are the most")
    constants = {"weight": FixedType(weight_type.width, weight_type.integer, weight_type.signed), "bias": bias_type}
    kinds = {**constants, "accum": accumulator}
    exact = builder.result_type(output, accumulator)
    return _Sum(weight_type.to_float(raw), bias_type.to_float(start), kinds, exact)
