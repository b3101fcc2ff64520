"""A name of its own for every node."""

from __future__ import annotations

import onnx_ir as ir

from weft.hls.passes.editing import Names


class NameNodesPass(ir.passes.InPlacePass):
    """Ensures that node names are unique; a name that is there stays as it is, hostile or not.

    Of several nodes that share a name the first keeps it.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Name what has no name after its operator and first output."""
        names = Names(model.graph)
        seen: set[str] = set()
        modified = False
        for node in model.graph.all_nodes():
            if not node.name or node.name in seen:
                outputs = [value.name for value in node.outputs if value.name]
                node.name = names.node(node.name or f"{node.op_type}_{outputs[0] if outputs else ''}")
                modified = True
            seen.add(node.name)
        return ir.passes.PassResult(model, modified=modified)
