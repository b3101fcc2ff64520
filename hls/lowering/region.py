"""The part of a network that is lowered: its nodes, what it reads and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.lowering import QUANTISERS
from weft.hls.lowering.nodes import is_constant


def region_nodes(model: ir.Model, names: Iterable[str] | None) -> list[ir.Node]:
    """The nodes of these names, in the model's order; all where None. Raises ModelError for a name that is none."""
    everything = list(model.graph)
    if names is None:
        return everything
    wanted = set(names)
    unknown = wanted - {str(node.name) for node in everything}
    if unknown:
        raise ModelError(f"the model has no node {sorted(unknown)[0]!r}")
    return [node for node in everything if str(node.name) in wanted]


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
