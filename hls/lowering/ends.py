"""The ends of a design: how values enter and leave it, and how each lies against the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.design import Design
from weft.hls.lowering.builder import Builder, Placed, quantised_copies, shape_of
from weft.hls.lowering.region import region_inputs, region_outputs
from weft.hls.precision import FixedType


def place_input(value: ir.Value, builder: Builder) -> str:
    """Add the design's input that carries `value`, and return its name.

    An image enters channels last. Raises ModelError for a value whose shape or type is not known.
    """
    extents = shape_of(value)
    if extents is None:
        raise ModelError(f"the shape of {value.name!r} is not fixed beyond the batch, so it cannot enter a design")
    kind = _input_type(value, builder)
    image = len(extents) == 3 or (len(extents) == 2 and _is_sequence_of_channels(value, builder.nodes))
    axes = (*range(1, len(extents)), 0) if image else tuple(range(len(extents)))
    shape = tuple(extents[axis] for axis in axes)
    name = builder.add("InputLayer", [], kind, label="input", input_shape=list(shape))
    builder.layers[-1]["name"] = builder.layers[-1]["outputs"][0] = name
    builder.place(value, Placed(name, shape, kind, axes))
    return name


def place_output(value: ir.Value, builder: Builder) -> str:
    """An image leaves channels last; other tensors as they are, since their reader can be told (`onnx_axes`).

    Returns the tensor's name. Raises ModelError for a value whose DequantizeLinear is outside the region.
    """
    producer = value.producer()
    if producer is not None and producer.op_type == "QuantizeLinear":
        raise ModelError(f"a region cannot end at {value.name!r}: keep its DequantizeLinear in the region")
    placed = builder.operand(value, producer or builder.nodes[-1])
    if len(placed.shape) == 3:
        placed = builder.reordered(placed, (1, 2, 0))
    placed = replace(placed, tensor=builder.without_reshape(placed.tensor))
    builder.place(value, placed)
    return placed.tensor


def with_ends(design: Design, builder: Builder) -> Design:
    """Say which value of the network each end of the design carries, in what shape and order of axes."""
    tensors = dict(design.tensors)
    twice = [name for name in design.outputs if design.outputs.count(name) > 1]
    if twice:
        raise ModelError(f"two outputs of the region are the same values ({twice[0]}): let one of them leave it")
    values = [*region_inputs(builder.nodes), *region_outputs(builder.nodes)]
    for name, value in zip((*design.inputs, *design.outputs), values, strict=True):
        placed = builder.placed[value]
        tensors[name] = replace(tensors[name], shape=placed.shape, onnx_name=str(value.name), onnx_axes=placed.axes)
    return replace(design, tensors=tensors)


def _input_type(value: ir.Value, builder: Builder) -> FixedType:
    if builder.uniform is not None:
        return builder.uniform
    kinds = {builder.types.get(str(copy.name)) for copy in quantised_copies(value, builder.nodes)}
    kinds |= {builder.types.get(str(value.name))}
    kinds.discard(None)
    if len(kinds) != 1:
        state = "several types" if kinds else "no type"
        raise ModelError(f"{value.name!r} enters a design with {state}: compress the model first, or give a precision")
    kind = kinds.pop()
    assert kind is not None
    return kind


def _is_sequence_of_channels(value: ir.Value, region: Sequence[ir.Node]) -> bool:
    """True if a (batch, channels, width) value feeds a convolution, a pool or a batch normalisation of the region,
    at once or behind operators that keep its axes; otherwise its axes have no meaning that weft knows."""
    seen, queue = {value}, [value]
    while queue:
        for consumer in queue.pop().consumers():
            if consumer not in region:
                continue
            if "Conv" in consumer.op_type or "Pool" in consumer.op_type or consumer.op_type == "BatchNormalization":
                return True
            if consumer.op_type in ("Flatten", "Reshape", "Transpose", "MatMul", "Gemm", "Squeeze", "Unsqueeze"):
                continue
            fresh = [output for output in consumer.outputs if output not in seen]
            seen.update(fresh)
            queue += fresh
    return False
