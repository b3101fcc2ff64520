"""Batch normalisation as part of the layer before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.hls.passes.editing import Names, add_constant, constant_array, is_standard, sole_consumer

_Floats = NDArray[Any]


class FoldBatchNormPass(ir.passes.InPlacePass):
    """Folds BatchNormalization into a Conv, or a MatMul with an optional Add, that nothing else reads.

    Requires shapes: after MatMul the result must have two dimensions, so that the normalised axis is the last one.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fold each one whose statistics and weights are initialisers."""
        names = Names(model.graph)
        norms = [node for node in tuple(model.graph) if is_standard(node, "BatchNormalization")]
        done = [_fold(model.graph, node, names) for node in norms]
        return ir.passes.PassResult(model, modified=any(done))


def _fold(graph: ir.Graph, norm: ir.Node, names: Names) -> bool:
    affine = _affine(norm)
    source = norm.inputs[0]
    before = source.producer() if source is not None and sole_consumer(source) is norm else None
    if affine is None or before is None or before.graph is not graph:
        return False
    if is_standard(before, "Conv"):
        return _into_convolution(graph, before, norm, affine, names)
    return _into_matmul(graph, before, norm, affine, names)


def _affine(norm: ir.Node) -> tuple[_Floats, _Floats] | None:
    """Scale and offset per channel in float64, or None where they are not constant or the node trains."""
    training = norm.attributes.get("training_mode")
    if (training is not None and training.value) or any(v.uses() or v.is_graph_output() for v in norm.outputs[1:]):
        return None
    arrays = [constant_array(value) for value in norm.inputs[1:5]]
    if len(arrays) < 4 or any(array is None for array in arrays):
        return None
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in arrays)
    epsilon = norm.attributes.get("epsilon")
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + (1e-5 if epsilon is None else epsilon.value))
        offset = beta - mean * scale
    return (scale, offset) if np.isfinite(scale).all() and np.isfinite(offset).all() else None


def _into_convolution(
    graph: ir.Graph, node: ir.Node, norm: ir.Node, affine: tuple[_Floats, _Floats], names: Names
) -> bool:
    weight, old_bias = constant_array(node.inputs[1]), node.inputs[2] if len(node.inputs) > 2 else None
    bias = constant_array(old_bias)
    if weight is None or (old_bias is not None and bias is None) or weight.shape[0] != affine[0].size:
        return False
    scale, offset = affine
    offset = offset if bias is None else offset + bias * scale
    scaled = (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(weight.dtype)
    node.resize_inputs(3)
    node.replace_input_with(1, _new(graph, node.inputs[1], "weight", scaled, names))
    node.replace_input_with(2, _new(graph, old_bias or node.inputs[0], "bias", offset.astype(weight.dtype), names))
    _remove(graph, norm, node.outputs[0])
    return True


def _into_matmul(graph: ir.Graph, last: ir.Node, norm: ir.Node, affine: tuple[_Floats, _Floats], names: Names) -> bool:
    scale, offset = affine
    matmul, bias_value = _linear(last)
    shape = norm.outputs[0].shape
    if matmul is None or shape is None or len(shape) != 2:
        return False
    weight, bias = constant_array(matmul.inputs[1]), constant_array(bias_value)
    if weight is None or weight.ndim != 2 or weight.shape[1] != scale.size:
        return False
    if bias is not None and (bias.size not in (1, scale.size) or bias.ndim > 2 or bias.shape[:-1] not in ((), (1,))):
        return False
    total = offset if bias is None else offset + bias.reshape(-1) * scale
    matmul.replace_input_with(1, _new(graph, matmul.inputs[1], "weight", (weight * scale).astype(weight.dtype), names))
    constant = _new(graph, bias_value or matmul.inputs[1], "bias", total.astype(weight.dtype), names)
    if last is matmul:
        last = ir.Node("", "Add", [matmul.outputs[0], constant], name=names.node(f"{matmul.name}_bias"))
        value = last.outputs[0]
        value.name, value.type, value.shape = names.value(f"{norm.outputs[0].name}_sum"), norm.outputs[0].type, shape
        norm.replace_input_with(0, value)
        graph.insert_before(norm, last)
    else:
        last.replace_input_with(list(last.inputs).index(bias_value), constant)
    _remove(graph, norm, last.outputs[0])
    return True


def _linear(last: ir.Node) -> tuple[ir.Node | None, ir.Value | None]:
    """The MatMul of `MatMul` or `MatMul + constant`, and the constant; (None, None) for anything else."""
    if is_standard(last, "MatMul"):
        return last, None
    if is_standard(last, "Add"):
        for value, other in (last.inputs, tuple(reversed(last.inputs))):
            producer = value.producer() if value is not None and sole_consumer(value) is last else None
            if is_standard(producer, "MatMul") and constant_array(other) is not None:
                return producer, other
    return None, None


def _new(graph: ir.Graph, like: ir.Value | None, what: str, array: _Floats, names: Names) -> ir.Value:
    stem = like.name if like is not None and like.is_initializer() else f"{like.name if like else ''}_{what}"
    return add_constant(graph, names.value(f"{stem}_normalised"), array)


def _remove(graph: ir.Graph, norm: ir.Node, value: ir.Value) -> None:
    """Take the normalisation out; `value` takes over its output's name."""
    output = norm.outputs[0]
    name = output.name
    value.type, value.shape = output.type, output.shape
    output.replace_all_uses_with(value, replace_graph_outputs=True)
    graph.remove(norm, safe=True)
    value.name = name
