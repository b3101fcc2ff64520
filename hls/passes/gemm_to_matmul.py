"""Gemm as MatMul and Add, which the rest of weft (and hls4ml) reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from weft.hls.passes.editing import Names, add_constant, constant_array, is_quant, is_standard


class GemmToMatMulPass(ir.passes.InPlacePass):
    """Rewrites each Gemm whose transB, alpha and beta can be folded into constants; others stay Gemm.

    A quantised weight is transposed before its DequantizeLinear or QONNX Quant.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite; MatMul keeps the node's name, Add takes it with `_bias`."""
        names = Names(model.graph)
        gemms = [node for node in tuple(model.graph) if is_standard(node, "Gemm")]
        done = [_rewrite(model.graph, node, names) for node in gemms]
        return ir.passes.PassResult(model, modified=any(done))


def _attribute(node: ir.Node, name: str, default: float) -> float:
    attribute = node.attributes.get(name)
    return default if attribute is None else float(attribute.value)


def _rewrite(graph: ir.Graph, node: ir.Node, names: Names) -> bool:
    left, right, bias = (*node.inputs, None)[:3]
    if left is None or right is None or _attribute(node, "transA", 0):
        return False
    alpha, beta = _attribute(node, "alpha", 1.0), _attribute(node, "beta", 1.0)
    if bias is not None and beta != 1.0 and constant_array(bias) is None:
        return False
    weight = _weight(graph, right, bool(_attribute(node, "transB", 0)), alpha, names)
    if weight is None:
        return False
    output = node.outputs[0]
    product = output
    if bias is not None:
        product = ir.Value(name=names.value(f"{output.name}_product"), type=output.type, shape=output.shape)
    matmul = ir.Node("", "MatMul", [left, weight], outputs=None if bias is None else [product], name=node.name)
    _substitute(graph, node, matmul, _scaled(graph, bias, beta, names), names)
    return True


def _substitute(graph: ir.Graph, gemm: ir.Node, matmul: ir.Node, bias: ir.Value | None, names: Names) -> None:
    last = matmul
    if bias is not None:
        title = names.node(f"{gemm.name}_bias" if gemm.name else "")
        last = ir.Node("", "Add", [matmul.outputs[0], bias], name=title)
    old, new = gemm.outputs[0], last.outputs[0]
    new.type, new.shape, name = old.type, old.shape, old.name
    new.metadata_props.update(old.metadata_props)
    graph.insert_before(gemm, [matmul] if last is matmul else [matmul, last])
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove(gemm, safe=True)
    new.name = name


def _scaled(graph: ir.Graph, value: ir.Value | None, factor: float, names: Names) -> ir.Value | None:
    array = constant_array(value)
    if value is None or array is None or factor == 1.0:
        return value
    return add_constant(graph, names.value(f"{value.name}_scaled"), (array * factor).astype(array.dtype))


def _weight(graph: ir.Graph, right: ir.Value, transpose: bool, alpha: float, names: Names) -> ir.Value | None:
    """The second operand as MatMul wants it, or None where that takes more than constants."""
    if not transpose and alpha == 1.0:
        return right
    array = constant_array(right)
    if array is not None:
        new: Any = array.T if transpose else array
        new = np.asarray(new * alpha if alpha != 1.0 else new, array.dtype)
        return add_constant(graph, names.value(f"{right.name}_transposed"), new)
    producer = right.producer()
    if alpha == 1.0 and producer is not None and (is_standard(producer, "DequantizeLinear") or is_quant(producer)):
        return _transposed_source(graph, producer, names)
    return None


def _transposed_source(graph: ir.Graph, producer: ir.Node, names: Names) -> ir.Value | None:
    """A quantiser of a two-dimensional initialiser, once more for its transpose."""
    tensor, scale = producer.inputs[0], constant_array(producer.inputs[1])
    array = constant_array(tensor)
    if tensor is None or array is None or scale is None or array.ndim != 2 or "block_size" in producer.attributes:
        return None
    attributes = dict(producer.attributes)
    if scale.size > 1:
        if not is_standard(producer, "DequantizeLinear") or scale.ndim != 1:
            return None
        attributes["axis"] = ir.AttrInt64("axis", 1 - int(_attribute(producer, "axis", 1)) % 2)
    new = add_constant(graph, names.value(f"{tensor.name}_transposed"), array.T)
    node = ir.Node(
        producer.domain,
        producer.op_type,
        [new, *producer.inputs[1:]],
        attributes.values(),
        name=names.node(f"{producer.name}_transposed"),
    )
    old = producer.outputs[0]
    node.outputs[0].name = names.value(f"{old.name}_transposed")
    node.outputs[0].type, node.outputs[0].shape = old.type, ir.Shape(array.T.shape)
    graph.insert_after(producer, node)
    return node.outputs[0]
