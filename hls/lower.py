"""Lowers a region of an ONNX network to an hls4ml ModelGraph and the Design read off it.

hls4ml's own ONNX front end reads 35 operators and wants channels last; weft builds the graph from a layer list
instead (`ModelGraph.from_layer_list`), with names, layouts and types of its own choosing. No name of the network
reaches hls4ml, whose C++ would carry quotes, keywords and `../` through.
"""

from __future__ import annotations

import contextlib
import io as text_io
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import onnx_ir as ir

from weft.boards.errors import InputError, ModelError, ToolError
from weft.hls.design import Design, Io, Layer
from weft.hls.lowering import OPERATORS, QUANTISERS
from weft.hls.lowering.builder import Builder, Placed, hls4ml_type, quantised_copies, shape_of
from weft.hls.lowering.nodes import all_shapes_known, is_constant
from weft.hls.lowering.pooling import needs_parallel
from weft.hls.precision import FixedType
from weft.hls.quantised import tensor_types
from weft.hls.reader import read_design

Strategy = Literal["latency", "resource"]
#: Kinds of layer whose reuse factor sets how many multipliers they have.
MULTIPLYING = ("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "DepthwiseConv1D", "DepthwiseConv2D")


# Types that hls4ml reads under a layer's "Precision"; others, such as exp_table_t, are keys of the layer itself.
_PRECISION_KEYS = {"result", "weight", "bias", "accum", "scale", "param"}


@dataclass(frozen=True)
class Choice:
    """How a layer is built."""

    strategy: Strategy = "latency"
    reuse_factor: int = 1


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


def lower(
    model: ir.Model,
    nodes: Sequence[str] | None = None,
    *,
    name: str,
    board_part: str,
    clock_ns: float,
    io: Io = "io_stream",
    choices: Mapping[str, Choice] | Choice | None = None,
    precision: FixedType | None = None,
) -> Design:
    """Lower `nodes` (all where None) of a loaded, quantised model; each layer knows the ONNX nodes it computes.

    `choices` gives strategy and reuse factor, for every layer alike or by the layer's name in the Design. With
    `precision` every tensor, weight and accumulator has that one type, whatever the model's quantisation says (as
    hls4ml's default_precision). A region ends behind QuantizeLinear/DequantizeLinear pairs, never inside one. Raises
    ModelError for a node that cannot be lowered or a value without a type, InputError for an invalid reuse factor.
    """
    region = _region(model, nodes)
    builder = Builder({} if precision else tensor_types(model), precision, io, region)
    inputs = [_place_input(value, index, builder) for index, value in enumerate(region_inputs(region))]
    for node in region:
        _lower_node(node, builder, io)
    outputs = [_place_output(value, builder) for value in region_outputs(region)]
    config = _config(builder, f"net_{identifier(name)}", board_part, clock_ns, io, choices)
    graph = _convert(config, builder.layers, inputs, outputs)
    design = _with_ends(read_design(graph, builder.onnx_nodes), builder)
    _check_reuse_factors(design, choices)
    return design


def valid_reuse_factors(layer: Layer, io: Io) -> list[int]:
    """Reuse factors that hls4ml's kernels are right for, ascending; [1] for layers that multiply nothing.

    The parallel Resource convolution reads beyond its window above n_in (nnet_conv2d_resource.h), hls4ml's own check
    notwithstanding.
    """
    shape = products(layer)
    if shape is None:
        return [1]
    largest = shape[0] if io == "io_parallel" and "Conv" in layer.kind else shape[0] * shape[1]
    return [factor for factor in _valid_reuse_factors(*shape) if factor <= largest]


def valid_strategies(layer: Layer, io: Io) -> tuple[Strategy, ...]:
    """Strategies hls4ml has a kernel for (nnet_sepconv2d.h refuses Resource for a parallel depthwise convolution)."""
    if layer.kind.startswith("Depthwise") and io == "io_parallel":
        return ("latency",)
    return ("latency", "resource") if layer.kind in MULTIPLYING else ("latency",)


def products(layer: Layer) -> tuple[int, int] | None:
    """Inputs and outputs of the layer's matrix product for one window: (n_in, n_out), or None if it has none."""
    if layer.kind not in MULTIPLYING:
        return None
    weight = layer.weights["weight"].raw
    return int(np.prod(weight.shape[:-1])), int(weight.shape[-1])


@lru_cache(maxsize=4096)
def _valid_reuse_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    """The rule of hls4ml's FPGABackend._validate_reuse_factor, tried on the divisors only."""
    total = n_in * n_out
    small = [factor for factor in range(1, int(total**0.5) + 1) if total % factor == 0]
    divisors = sorted({*small, *(total // factor for factor in small)})
    return tuple(
        factor for factor in divisors if factor % n_in == 0 or (factor < n_in and -(-total // factor) % n_out == 0)
    )


def identifier(name: str) -> str:
    """Letters, digits and underscores of `name`, short enough for a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:48] or "network"


def region_inputs(region: Sequence[ir.Node]) -> list[ir.Value]:
    """Values the region reads and does not compute, constants apart, in order of first use."""
    inside = {output for node in region for output in node.outputs}
    found = [
        value
        for node in region
        for value in node.inputs[: 1 if node.op_type in QUANTISERS else None]
        if value is not None and value not in inside and not is_constant(value) and value.const_value is None
    ]
    return list(dict.fromkeys(found))


def region_outputs(region: Sequence[ir.Node]) -> list[ir.Value]:
    """Values the region computes and others read, or the model gives."""
    members = set(region)
    return [
        output
        for node in region
        for output in node.outputs
        if output.is_graph_output() or any(consumer not in members for consumer in output.consumers())
    ]


def _region(model: ir.Model, names: Iterable[str] | None) -> list[ir.Node]:
    everything = list(model.graph)
    if names is None:
        return everything
    wanted = set(names)
    unknown = wanted - {str(node.name) for node in everything}
    if unknown:
        raise ModelError(f"the model has no node {sorted(unknown)[0]!r}")
    return [node for node in everything if str(node.name) in wanted]


def _place_input(value: ir.Value, index: int, builder: Builder) -> str:
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


def _lower_node(node: ir.Node, builder: Builder, io: Io) -> None:
    if node in builder.done or is_constant(node.outputs[0]):
        return
    if node.op_type in QUANTISERS:
        _pass_through(node, builder)
        return
    reason = supports(node, io)
    if reason:
        raise ModelError(f"node {node.name!r} cannot be lowered: {reason}")
    OPERATORS[node.op_type].lower(node, builder)


def _pass_through(node: ir.Node, builder: Builder) -> None:
    """A quantised copy of a value is the value: its layer already has the copy's type, or gets a cast."""
    source = builder.operand_in_any_order(node.inputs[0], node)
    wanted = builder.types.get(str(node.outputs[0].name))
    if builder.uniform is None and wanted is not None and wanted != source.type:
        name = builder.add(
            "Activation", [source.tensor], wanted, [node], label="cast", activation="linear", n_in=_size(source.shape)
        )
        source = Placed(name, source.shape, wanted, source.axes, source.order)
    builder.place(node.outputs[0], source)


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _place_output(value: ir.Value, builder: Builder) -> str:
    """An image leaves channels last; other tensors as they are, since their reader can be told (`onnx_axes`)."""
    producer = value.producer()
    if producer is not None and producer.op_type == "QuantizeLinear":
        raise ModelError(f"a region cannot end at {value.name!r}: keep its DequantizeLinear in the region")
    placed = builder.operand(value, producer or builder.nodes[-1])
    if len(placed.shape) == 3:
        placed = builder.reordered(placed, (1, 2, 0))
    placed = replace(placed, tensor=builder.without_reshape(placed.tensor))
    builder.place(value, placed)
    return placed.tensor


def _config(
    builder: Builder,
    project: str,
    part: str,
    clock_ns: float,
    io: Io,
    choices: Mapping[str, Choice] | Choice | None,
) -> dict[str, Any]:
    per_layer: dict[str, Any] = {}
    for name, precision in builder.precisions.items():
        choice = choices.get(name, Choice()) if isinstance(choices, Mapping) else choices or Choice()
        per_layer[name] = {
            "Precision": {key: kind for key, kind in precision.items() if key in _PRECISION_KEYS},
            "Strategy": choice.strategy.capitalize(),
            "ReuseFactor": choice.reuse_factor,
            **{f"{key}_t": kind for key, kind in precision.items() if key not in _PRECISION_KEYS},
        }
    default = hls4ml_type(builder.uniform or FixedType(16, 6))
    return {
        "Backend": "Vitis",
        "ProjectName": project,
        "OutputDir": project,  # set anew where the project is written
        "Part": part,
        "ClockPeriod": clock_ns,
        "ClockUncertainty": "27%",
        "IOType": io,
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": True,
            "WriteTar": False,
            "TBOutputStream": "stdout",
        },
        "HLSConfig": {
            "Model": {"Precision": default, "ReuseFactor": 1, "Strategy": "Latency"},
            "LayerName": per_layer,
        },
    }


def _convert(config: dict[str, Any], layers: list[dict[str, Any]], inputs: list[str], outputs: list[str]) -> Any:
    """hls4ml's own conversion; its notes on standard output would spoil a caller's JSON."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(text_io.StringIO()):
            warnings.simplefilter("ignore")
            from hls4ml.model.graph import ModelGraph

            return ModelGraph.from_layer_list(config, layers, inputs, outputs)
    except ImportError as error:
        raise ToolError(f"hls4ml cannot be imported ({error}): pip install 'weft[hls]'") from None


def _with_ends(design: Design, builder: Builder) -> Design:
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


def _check_reuse_factors(design: Design, choices: Mapping[str, Choice] | Choice | None) -> None:
    """hls4ml corrects an invalid reuse factor in silence; weft says so instead."""
    for layer in design.layers:
        choice = choices.get(layer.name) if isinstance(choices, Mapping) else choices
        shape = products(layer)
        if choice is None or shape is None:
            continue
        if choice.strategy not in valid_strategies(layer, design.io):
            raise InputError(f"layer {layer.name} ({layer.kind}, {design.io}) cannot have strategy {choice.strategy}")
        valid = (
            valid_reuse_factors(layer, design.io)
            if choice.strategy == "resource"
            else range(1, shape[0] * shape[1] + 1)
        )
        if choice.reuse_factor not in valid:
            nearest = min(valid, key=lambda factor: abs(factor - choice.reuse_factor))
            raise InputError(
                f"reuse factor {choice.reuse_factor} is not valid for layer {layer.name} ({layer.kind}, "
                f"{shape[0]} x {shape[1]} products, strategy {choice.strategy}): the nearest valid one is {nearest}"
            )
