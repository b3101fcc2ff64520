"""Remove nodes that only pass their input on."""

from __future__ import annotations

import onnx_ir as ir

from weft.hls.passes.editing import constant_array, is_standard


class RemoveIdentityPass(ir.passes.InPlacePass):
    """Removes Identity and inference Dropout. Requires opset 7 or later, where Dropout's default is inference."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Remove them in the main graph; graph outputs keep their names."""
        removed = [node for node in tuple(model.graph) if _passes_on(node) and _remove(node, model.graph)]
        return ir.passes.PassResult(model, modified=bool(removed))


def _passes_on(node: ir.Node) -> bool:
    if is_standard(node, "Identity"):
        return True
    if not is_standard(node, "Dropout") or any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
        return False
    training = node.inputs[2] if len(node.inputs) > 2 else None
    value = constant_array(training)
    return training is None or (value is not None and not value.any())


def _remove(node: ir.Node, graph: ir.Graph) -> bool:
    source, target = node.inputs[0], node.outputs[0]
    if source is None or source.graph is not graph:
        return False
    if target.is_graph_output():
        # The value behind must take the output's name, which it cannot if its own is part of the interface too.
        if source.is_graph_input() or source.is_initializer() or source.is_graph_output():
            return False
        name = target.name
        target.replace_all_uses_with(source, replace_graph_outputs=True)
        graph.remove(node, safe=True)
        source.name = name
        return True
    target.replace_all_uses_with(source)
    graph.remove(node, safe=True)
    return True
