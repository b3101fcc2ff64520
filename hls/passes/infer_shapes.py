"""Shapes and element types of every value."""

from __future__ import annotations

import logging
from collections.abc import Callable

import onnx_ir as ir
from onnx_ir.passes import common

from weft.hls.passes.editing import has_sequences, is_quant


class InferShapesPass(ir.passes.InPlacePass):
    """Infers shapes as onnx does, as far as it can be done; operators that onnx does not know stop nothing.

    A network with sequences or optionals stays as it is: onnx_ir 1.1 would take each for a tensor of its elements.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Infer strictly; where that fails, infer what can be."""
        if has_sequences(model):
            return ir.passes.PassResult(model, modified=False)
        logger = logging.getLogger("onnx_ir.passes.common.shape_inference")
        before, logger.disabled = logger.disabled, True  # that a shape is unknown is no news to a user
        propagate, restore = _may_propagate(model), _disguise(model)
        try:
            strict = common.ShapeInferencePass(data_prop=propagate)(model)
            if strict.modified:
                return strict
            return common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=propagate)(model)
        finally:
            logger.disabled = before
            restore()


def _disguise(model: ir.Model) -> Callable[[], None]:
    """Show QONNX quantisers to onnx as Identity, which has their shapes and which it knows; the result undoes it."""
    hidden = [(node, node.domain, node.op_type, node.inputs) for node in model.graph if is_quant(node)]
    for node, *_ in hidden:
        node.domain, node.op_type = "", "Identity"
        node.resize_inputs(1)

    def restore() -> None:
        for node, domain, op_type, inputs in hidden:
            node.domain, node.op_type = domain, op_type
            node.resize_inputs(len(inputs))
            for index, value in enumerate(inputs):
                node.replace_input_with(index, value)

    return restore


def _may_propagate(model: ir.Model) -> bool:
    """Whether shape arithmetic may be followed.

    onnx 1.22 then writes out every element of a ConstantOfShape, however many; those that are small are folded before.
    """
    return all(node.op_type != "ConstantOfShape" for node in model.graph.all_nodes())
