"""Lowers a region of an ONNX network to an hls4ml ModelGraph and the Design read off it.

hls4ml's own ONNX front end reads 35 operators and wants channels last; weft builds the graph from a layer list
instead (`ModelGraph.from_layer_list`), with names, layouts and types of its own choosing. No name of the network
reaches hls4ml, whose C++ would carry quotes, keywords and `../` through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod

import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.design import Design, Io
from weft.hls.lowering import OPERATORS, QUANTISERS
from weft.hls.lowering.builder import Builder, Placed
from weft.hls.lowering.conversion import convert, hls4ml_config
from weft.hls.lowering.ends import place_input, place_output, with_ends
from weft.hls.lowering.nodes import is_constant
from weft.hls.lowering.region import region_inputs, region_nodes, region_outputs
from weft.hls.lowering.support import supports
from weft.hls.precision import FixedType
from weft.hls.quantised import tensor_types
from weft.hls.reader import read_design
from weft.hls.strategies import Choice, Strategy, check_choices, products, valid_reuse_factors, valid_strategies

__all__ = ["Choice", "Strategy", "lower", "products", "supports", "valid_reuse_factors", "valid_strategies"]


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
    region = region_nodes(model, nodes)
    builder = Builder({} if precision else tensor_types(model), precision, io, region)
    inputs = [place_input(value, builder) for value in region_inputs(region)]
    for node in region:
        _lower_node(node, builder, io)
    outputs = [place_output(value, builder) for value in region_outputs(region)]
    config = hls4ml_config(builder, f"net_{_identifier(name)}", board_part, clock_ns, io, choices)
    graph = convert(config, builder.layers, inputs, outputs)
    design = with_ends(read_design(graph, builder.onnx_nodes), builder)
    check_choices(design, choices)
    return design


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
            "Activation", [source.tensor], wanted, [node], label="cast", activation="linear", n_in=prod(source.shape)
        )
        source = Placed(name, source.shape, wanted, source.axes, source.order)
    builder.place(node.outputs[0], source)


def _identifier(name: str) -> str:
    """Letters, digits and underscores of `name`, short enough for a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:48] or "network"
