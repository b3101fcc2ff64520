"""Reshape with a constant target where only the batch size was computed."""

from __future__ import annotations

from math import prod
from typing import cast

import numpy as np
import onnx_ir as ir

from weft.hls.passes.editing import Names, add_constant, constant_array, is_standard

_Dims = list[int | str | None]  # a number, the name of a symbolic dimension, or unknown
_LONGEST = 16  # elements of a shape that is worth following


class SettleReshapesPass(ir.passes.InPlacePass):
    """Gives a Reshape that keeps its first dimension the target [0, ...], where 0 means "as it was".

    Exporters write `x.view(x.size(0), -1)` as Shape, Gather, Unsqueeze, Concat, Reshape. Requires shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Settle what can be; what computed the target is left for the removal of unused nodes."""
        names, known = Names(model.graph), _vectors(model.graph)
        reshapes = [node for node in tuple(model.graph) if is_standard(node, "Reshape")]
        done = [_settle(model.graph, node, known, names) for node in reshapes]
        return ir.passes.PassResult(model, modified=any(done))


def _settle(graph: ir.Graph, node: ir.Node, known: dict[ir.Value, _Dims], names: Names) -> bool:
    data, target = node.inputs[0], node.inputs[1]
    allow_zero = node.attributes.get("allowzero")
    if data is None or data.shape is None or (allow_zero is not None and allow_zero.value):
        return False
    before, after = _dims(data.shape), known.get(target) if target is not None else None
    if not before or not isinstance(before[0], str) or after is None or len(after) < 2:
        return False
    rest = [dim for dim in after[1:] if isinstance(dim, int)]
    each = [dim for dim in before[1:] if isinstance(dim, int)]
    if len(rest) < len(after) - 1 or len(each) < len(before) - 1 or 0 in rest or 0 in each:
        return False
    # -1 first is the batch if a sample keeps its number of elements.
    is_batch = after[0] in (before[0], 0) or (after[0] == -1 and prod(rest) == prod(each))
    if not is_batch:
        return False
    if rest.count(-1) == 1 and prod(each) % -prod(rest) == 0:
        rest[rest.index(-1)] = prod(each) // -prod(rest)
    if [0, *rest] == after or prod(rest) != prod(each):
        return False
    constant = add_constant(graph, names.value(f"{node.outputs[0].name}_shape"), np.array([0, *rest], np.int64))
    node.replace_input_with(1, constant)
    node.outputs[0].shape = ir.Shape([before[0], *rest])
    return True


def _dims(shape: ir.Shape) -> _Dims:
    return [dim if isinstance(dim, int) else dim.value for dim in shape]


def _vectors(graph: ir.Graph) -> dict[ir.Value, _Dims]:
    """The elements of small integer vectors and numbers, followed through shape arithmetic."""
    known: dict[ir.Value, _Dims] = {}
    for value in graph.initializers.values():
        array = constant_array(value)
        if array is not None and array.size <= _LONGEST and array.dtype == np.int64:
            known[value] = cast(_Dims, array.reshape(-1).tolist())
    for node in graph:
        result = _vector(node, known) if not node.domain else None
        if result is not None and len(result) <= _LONGEST:
            known[node.outputs[0]] = result
    return known


def _vector(node: ir.Node, known: dict[ir.Value, _Dims]) -> _Dims | None:
    """What one node of shape arithmetic gives, or None if that is not known."""
    parts = [known.get(value) if value is not None else None for value in node.inputs]
    source = node.inputs[0] if node.inputs else None
    match node.op_type:
        case "Shape" if source is not None and source.shape is not None and not node.attributes:
            return _dims(source.shape)
        case "Unsqueeze" | "Squeeze" | "Cast":
            return parts[0]
        case "Gather" | "Slice":
            return _picked(node.op_type, parts)
        case "Concat":
            joined = [part for part in parts if part is not None]
            return [dim for part in joined for dim in part] if len(joined) == len(parts) else None
    return None


def _picked(operator: str, parts: list[_Dims | None]) -> _Dims | None:
    """Elements that a Gather of one, or a Slice with step 1, takes from a vector."""
    dims, numbers = parts[0], [part[0] for part in parts[1:] if part is not None and len(part) == 1]
    places = [number for number in numbers if isinstance(number, int)]
    if dims is None or len(places) != len(parts) - 1 or (len(places) == 4 and places[3] != 1):
        return None
    if operator == "Gather":
        return [dims[places[0]]] if -len(dims) <= places[0] < len(dims) else None
    return dims[places[0] : places[1]] if len(places) >= 2 else None
