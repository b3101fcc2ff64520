"""Add, Sub and Mul of two tensors (hls4ml's Merge) or of a tensor and a constant, and BatchNormalization (hls4ml's
BatchNormalization: one scale and one bias a value or a channel)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import ModelError
from weft.hls.lowering.builder import Builder, Placed, fitted, shape_of
from weft.hls.lowering.nodes import attribute, computed_inputs, is_constant
from weft.hls.precision import FixedType

_MERGES = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Max": "maximum", "Min": "minimum"}
_CONSTANT_BITS = 16


def check_elementwise(node: ir.Node) -> str:
    """Two tensors of one shape, or a tensor and a constant that does not enlarge it."""
    inputs = [value for value in node.inputs if value is not None]
    if len(inputs) != 2:
        return f"{node.op_type} of {len(inputs)} tensors"
    computed = computed_inputs(node)
    if len(computed) == 2:
        same = shape_of(inputs[0]) == shape_of(inputs[1])
        return "" if same else f"{node.op_type} of tensors of different shapes"
    if node.op_type in ("Max", "Min"):
        return f"{node.op_type} with a constant"
    if not computed:
        return f"{node.op_type} of two constants"
    constant = next(value for value in inputs if is_constant(value))
    if shape_of(node.outputs[0]) != shape_of(computed[0]):
        return f"{node.op_type} with a constant that enlarges the tensor"
    rank = 0 if constant.shape is None else len(constant.shape)
    full = len(shape_of(computed[0]) or ()) + 1
    return "" if rank < full or constant.shape is None or constant.shape[0] == 1 else "a constant for each sample"


def lower_elementwise(node: ir.Node, builder: Builder) -> None:
    """Merge for two tensors, BatchNormalization where one side is constant."""
    computed = computed_inputs(node)
    if len(computed) == 2:
        _merge(node, builder)
        return
    constant = builder.constant(next(value for value in node.inputs if value is not None and is_constant(value)))
    assert constant is not None
    data = builder.operand(computed[0], node)
    ones, zeros = np.ones(1), np.zeros(1)
    match node.op_type:
        case "Add":
            scale, bias = ones, constant.values
        case "Sub" if node.inputs[0] is computed[0]:
            scale, bias = ones, -constant.values
        case "Sub":
            scale, bias = -ones, constant.values
        case _:
            scale, bias = constant.values, zeros
    _scale_and_bias(node, builder, data, scale, bias)


def _merge(node: ir.Node, builder: Builder) -> None:
    first = builder.operand(node.inputs[0], node)
    second = builder.reordered(builder.operand(node.inputs[1], node), first.axes)
    result = builder.result_type(node.outputs[0], _merged_type(node.op_type, first.type, second.type))
    name = builder.add(
        "Merge", [first.tensor, second.tensor], result, [node], label=node.op_type.lower(), op=_MERGES[node.op_type]
    )
    builder.place(node.outputs[0], Placed(name, first.shape, result, first.axes))


def _merged_type(operator: str, first: FixedType, second: FixedType) -> FixedType:
    """A type that holds every result exactly."""
    if operator == "Mul":
        width = first.width + second.width
        return FixedType(min(width, 64), min(width, 64) - first.fraction - second.fraction)
    fraction = max(first.fraction, second.fraction)
    integer = max(kind.integer + (not kind.signed) for kind in (first, second)) + (operator in ("Add", "Sub"))
    return FixedType(min(integer + fraction, 64), integer)


def check_batch_normalization(node: ir.Node) -> str:
    """Inference with constant statistics."""
    if not all(is_constant(value) for value in node.inputs[1:5]):
        return "BatchNormalization with computed statistics"
    return "BatchNormalization in training mode" if attribute(node, "training_mode", 0) else ""


def lower_batch_normalization(node: ir.Node, builder: Builder) -> None:
    """scale = gamma / sqrt(variance + epsilon), bias = beta - mean * scale (ONNX operator BatchNormalization)."""
    constants = [builder.constant(value) for value in node.inputs[1:5]]
    gamma, beta, mean, variance = (constant.values for constant in constants if constant is not None)
    scale = gamma / np.sqrt(variance + float(attribute(node, "epsilon", 1e-5)))
    data = builder.operand(node.inputs[0], node)
    spread = (-1,) + (1,) * (len(data.shape) - 1)
    _scale_and_bias(node, builder, data, scale.reshape(spread), (beta - mean * scale).reshape(spread))


def _scale_and_bias(
    node: ir.Node, builder: Builder, data: Placed, scale: NDArray[np.float64], bias: NDArray[np.float64]
) -> None:
    """data * scale + bias, constants in the network's broadcast."""
    per_channel = len(data.shape) > 1 and all(_only_channel(values, len(data.shape)) for values in (scale, bias))
    if per_channel:
        data = builder.channels_last(data)
    scales, biases = (_stored(values, data, per_channel) for values in (scale, bias))
    kinds = _constant_types(builder, scales, biases, data.type)
    product = data.type.fraction + kinds["scale"].fraction
    fraction = max(product, kinds["bias"].fraction)
    integer = max(data.type.integer + 1 + kinds["scale"].integer, kinds["bias"].integer) + 1
    if integer + fraction > 62:
        raise ModelError(f"node {node.name!r} needs {integer + fraction} bits for scale and bias, and 62 are the most")
    result = builder.result_type(node.outputs[0], FixedType(integer + fraction, integer))
    name = builder.add(
        "BatchNormalization",
        [data.tensor],
        result,
        [node],
        precision=kinds,
        n_in=int(np.prod(data.shape)),
        n_filt=scales.size if per_channel or len(data.shape) == 1 else -1,
        scale_data=scales,
        bias_data=biases,
        use_gamma=True,
        use_beta=True,
    )
    builder.place(node.outputs[0], Placed(name, data.shape, result, data.axes))


def _constant_types(
    builder: Builder, scales: NDArray[np.float64], biases: NDArray[np.float64], data: FixedType
) -> dict[str, FixedType]:
    if builder.uniform is not None:
        return {"scale": builder.uniform, "bias": builder.uniform}
    ones = bool((np.abs(scales) == 1).all())
    scale = FixedType(2, 2) if ones else fitted(scales, _CONSTANT_BITS)
    return {"scale": scale, "bias": fitted(biases, _CONSTANT_BITS)}


def _only_channel(values: NDArray[np.float64], rank: int) -> bool:
    """True if the constant varies along the channel axis (the first behind the batch) alone."""
    shape = (1,) * (rank - values.ndim) + values.shape[-rank:] if rank else values.shape
    return all(extent == 1 for extent in shape[1:])


def _stored(values: NDArray[np.float64], data: Placed, per_channel: bool) -> NDArray[np.float64]:
    """The constant in the design's own order: one a channel, or one a value."""
    extents = [data.shape[data.axes.index(axis)] for axis in range(len(data.shape))]
    values = values.reshape(values.shape[-len(extents) :]) if values.ndim > len(extents) else values
    if per_channel:
        return np.broadcast_to(values.reshape(-1), (extents[0],)).copy()
    return np.broadcast_to(values, extents).transpose(data.axes).reshape(-1).copy()
