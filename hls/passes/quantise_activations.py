"""QuantizeLinear and DequantizeLinear on activations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from weft.hls.passes.editing import Names, add_constant, constant_array, is_standard, sole_consumer
from weft.hls.precision import FixedType

# Their result has no value that their first input does not have, so it keeps that input's type.
_SAME_TYPE = (
    *("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Expand", "Tile", "Identity"),
    *("DepthToSpace", "SpaceToDepth", "MaxPool", "GlobalMaxPool", "Relu"),
)


def quantised_tensors(graph: ir.Graph) -> dict[str, str]:
    """Float32 tensors of a graph that get a type: name to the name of the tensor whose type it has, often itself.

    A MatMul, Conv or Gemm with its bias, batch normalisation and Relu or Clip is one group: only its result is listed.
    """
    owners: dict[str, str] = {}
    stages = _stages(graph)
    for value in graph.inputs:
        if value.dtype == ir.DataType.FLOAT and value.uses() and not value.is_graph_output():
            owners[value.name or ""] = value.name or ""
    for node in graph:
        source = node.inputs[0].name or "" if node.inputs and node.inputs[0] is not None else ""
        for value in node.outputs:
            used = bool(value.uses()) or value.is_graph_output()
            if value.dtype == ir.DataType.FLOAT and value.name and used and not _inside_group(value, stages):
                owners[value.name] = owners[source] if _keeps_type(node) and source in owners else value.name
    return owners


def _keeps_type(node: ir.Node) -> bool:
    if is_standard(node, "Pad"):
        fill = constant_array(node.inputs[2]) if len(node.inputs) > 2 else None
        absent = len(node.inputs) < 3 or node.inputs[2] is None
        return absent or (fill is not None and not fill.any())
    if is_standard(node, "Resize"):
        mode = node.attributes.get("mode")
        return mode is None or mode.value == "nearest"
    return is_standard(node, *_SAME_TYPE)


def _stages(graph: ir.Graph) -> dict[ir.Node, int]:
    """Place of each node in its group: 0 linear layer, 1 bias, 2 batch normalisation, 3 Relu or Clip."""
    stages: dict[ir.Node, int] = {}
    for node in graph:
        source = node.inputs[0] if node.inputs else None
        producer = source.producer() if source is not None and sole_consumer(source) is node else None
        before = stages.get(producer) if producer is not None else None
        if is_linear(node):
            stages[node] = 0
        elif bias_of(node) is not None:
            stages[node] = 1
        elif is_standard(node, "BatchNormalization") and before in (0, 1):
            stages[node] = 2
        elif is_standard(node, "Relu", "Clip") and before in (0, 1, 2):
            stages[node] = 3
    return stages


def _inside_group(value: ir.Value, stages: dict[ir.Node, int]) -> bool:
    """Whether the one reader of a value continues the group of the node that made it."""
    reader, producer = sole_consumer(value), value.producer()
    if reader is None or producer is None or reader not in stages or producer not in stages:
        return False
    return stages[reader] > stages[producer] and (stages[reader] == 1 or reader.inputs[0] is value)


def is_linear(node: ir.Node | None) -> bool:
    """Whether a node multiplies by a constant weight: Conv, Gemm or MatMul."""
    if node is None or not is_standard(node, "Conv", "Gemm", "MatMul"):
        return False
    return constant_array(_dequantised_constant(node.inputs[1])) is not None


def _dequantised_constant(value: ir.Value | None) -> ir.Value | None:
    producer = value.producer() if value is not None else None
    return producer.inputs[0] if is_standard(producer, "DequantizeLinear") and producer is not None else value


def bias_of(node: ir.Node) -> tuple[ir.Node, int] | None:
    """For an Add of a constant vector to a MatMul or Gemm that nothing else reads: the layer, the vector's place."""
    if not is_standard(node, "Add"):
        return None
    for place in (1, 0):
        constant, other = node.inputs[place], node.inputs[1 - place]
        array = constant_array(_dequantised_constant(constant))
        producer = other.producer() if other is not None and sole_consumer(other) is node else None
        linear = producer is not None and is_standard(producer, "MatMul", "Gemm") and is_linear(producer)
        if producer is not None and linear and array is not None and all(size == 1 for size in array.shape[:-1]):
            return producer, place
    return None


class QuantiseActivationsPass(ir.passes.InPlacePass):
    """Puts a QuantizeLinear and a DequantizeLinear behind each tensor that `types` names.

    The dequantised tensor takes the name; what feeds it becomes `<name>_float`. Graph inputs keep theirs, and their
    dequantised form is `<name>_fixed`. Requires opset 21 and types of 8 or 16 bits with RND_CONV and SAT.
    """

    def __init__(self, types: Mapping[str, FixedType]) -> None:
        super().__init__()
        self.types = types

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Insert the pairs."""
        graph, names = model.graph, Names(model.graph)
        values = [*graph.inputs, *(value for node in graph for value in node.outputs)]
        scales: dict[str, ir.Value] = {}
        for value in values:
            kind = self.types.get(value.name or "")
            if kind is not None:
                _insert(graph, value, quantisation(graph, kind, names, scales), names)
        return ir.passes.PassResult(model, modified=bool(self.types))


def quantisation(
    graph: ir.Graph, kind: FixedType, names: Names, known: dict[str, ir.Value], *, width: int = 0
) -> tuple[ir.Value, ir.Value]:
    """Scale and zero point initialisers of a type, shared through `known`. `width` 32 gives a bias's zero point."""
    integer = np.dtype(f"{'' if kind.signed else 'u'}int{width or kind.width}")
    keys = (f"scale_{-kind.fraction}", f"zero_{integer}")
    arrays = (np.asarray(2.0**-kind.fraction, np.float32), np.zeros((), integer))
    for key, array in zip(keys, arrays, strict=True):
        if key not in known:
            known[key] = add_constant(graph, names.value(key), array)
    return known[keys[0]], known[keys[1]]


def _insert(graph: ir.Graph, value: ir.Value, constants: tuple[ir.Value, ir.Value], names: Names) -> None:
    name, producer = value.name or "", value.producer()
    outside = producer is None
    result = ir.Value(name=names.value(f"{name}_fixed"), type=value.type, shape=value.shape)
    value.replace_all_uses_with(result, replace_graph_outputs=True)
    if not outside:
        value.name, result.name = names.value(f"{name}_float"), name
    integers = ir.Value(
        name=names.value(f"{name}_integers"), type=ir.TensorType(_dtype(constants[1])), shape=value.shape
    )
    quantise = ir.Node(
        "", "QuantizeLinear", [value, *constants], outputs=[integers], name=names.node(f"{name}_quantise")
    )
    dequantise = ir.Node(
        "", "DequantizeLinear", [integers, *constants], outputs=[result], name=names.node(f"{name}_dequantise")
    )
    if producer is not None:
        graph.insert_after(producer, [quantise, dequantise])
    else:
        graph.insert_before(graph[0], [quantise, dequantise])


def _dtype(zero: ir.Value) -> ir.DataType:
    assert zero.dtype is not None  # add_constant states it
    return zero.dtype
