"""Refuse functions that would grow without bound when inlined."""

from __future__ import annotations

import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.passes.editing import LookingPass

# Far above real networks (a large exported language model has about 1e5 nodes); nested calls can claim 2**n.
LARGEST_NODES = 1_000_000


class BoundFunctionsPass(LookingPass):
    """Ensures that inlining every function gives at most LARGEST_NODES nodes; changes nothing."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Count, and raise ModelError where functions are recursive or expand too far."""
        sizes: dict[ir.OperatorIdentifier, int] = {}
        if _expanded(model.graph, model, sizes, ()) > LARGEST_NODES:
            raise ModelError(f"the model has more than {LARGEST_NODES} nodes once its functions are inlined")
        return ir.passes.PassResult(model, modified=False)


def _expanded(
    body: ir.Graph | ir.Function,
    model: ir.Model,
    sizes: dict[ir.OperatorIdentifier, int],
    stack: tuple[ir.OperatorIdentifier, ...],
) -> int:
    total = 0
    for node in body.all_nodes():
        key = node.op_identifier()
        if key in stack or len(stack) > 100:
            raise ModelError(f"function {key[1]!r} calls itself or is nested more than 100 deep, which ONNX forbids")
        if key in model.functions and key not in sizes:
            sizes[key] = _expanded(model.functions[key], model, sizes, (*stack, key))
        total += 1 + sizes.get(key, 0)
    return total
