"""Compute once what does not depend on the input."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray

from weft.hls.passes.editing import add_constant

# Shape arithmetic and weights to reshape are small; a file of a hundred bytes may ask for a terabyte.
LARGEST_TENSOR = 2**26  # bytes of one input or result
LARGEST_TOTAL = 2**28  # bytes of all results together

# Dequantised weights stay quantised, and chance stays chance.
_KEPT = frozenset(
    (
        *("DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear", "Dropout", "Bernoulli", "Multinomial"),
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    )
)


class FoldConstantsPass(ir.passes.InPlacePass):
    """Replaces standard nodes whose inputs are all initialisers by their result, as ONNX Runtime computes it.

    Requires constants to be initialisers. A result is computed only if shape inference proves that it is small.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fold in topological order, so that chains fold in one go."""
        budget, folded = LARGEST_TOTAL, 0
        opset = model.graph.opset_imports.get("", 0)
        for node in tuple(model.graph):
            results = _results(node, opset, model.ir_version, budget) if _foldable(node) else None
            if results is None:
                continue
            budget -= sum(result.nbytes for result in results)
            folded += 1
            _replace(model.graph, node, results)
        return ir.passes.PassResult(model, modified=bool(folded))


def _foldable(node: ir.Node) -> bool:
    if node.domain or node.op_type in _KEPT or not node.inputs or any(not v.name for v in node.outputs):
        return False
    graphs = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
    if any(a.type in graphs for a in node.attributes.values()) or any(v.is_graph_output() for v in node.outputs):
        return False
    return all(
        v is None
        or (
            v.is_initializer()
            and not v.is_graph_input()
            and v.const_value is not None
            and v.const_value.nbytes <= LARGEST_TENSOR
            and v.const_value.dtype != ir.DataType.STRING
        )
        for v in node.inputs
    )


def _results(node: ir.Node, opset: int, ir_version: int, budget: int) -> list[NDArray[Any]] | None:
    """The node's outputs, or None where they may be large or cannot be computed."""
    constants = {v.name: v.const_value for v in node.inputs if v is not None and v.const_value is not None}
    graph = onnx.GraphProto(
        name="constant",
        node=[ir.to_proto(node)],
        initializer=[
            ir.to_proto(ir.tensor(tensor.numpy(), tensor.dtype, name=name)) for name, tensor in constants.items()
        ],
        output=[onnx.ValueInfoProto(name=value.name) for value in node.outputs],
    )
    proto = onnx.ModelProto(ir_version=ir_version, graph=graph, opset_import=[onnx.OperatorSetIdProto(version=opset)])
    try:
        proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        if sum(_size(output) for output in proto.graph.output) > min(LARGEST_TENSOR, budget):
            return None
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [np.asarray(result) for result in session.run(None, {})]
    except Exception:  # the node stays in the graph, where ONNX Runtime says what is wrong with it
        return None


def _size(output: onnx.ValueInfoProto) -> int:
    """Bytes of a result, or more than any limit where the shape or type is not proven."""
    tensor = output.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    plain = tensor.elem_type in onnx.helper.get_all_tensor_dtypes() and tensor.elem_type != onnx.TensorProto.STRING
    if not plain or not tensor.HasField("shape") or min(dims, default=0) < 0:
        return LARGEST_TOTAL + 1
    return prod(dims) * max(1, ir.DataType(tensor.elem_type).bitwidth // 8)


def _replace(graph: ir.Graph, node: ir.Node, results: list[NDArray[Any]]) -> None:
    for value, result in zip(node.outputs, results, strict=True):
        name, value.name = value.name or "", f"{value.name}_replaced"
        value.replace_all_uses_with(add_constant(graph, name, result))
    graph.remove(node, safe=True)
