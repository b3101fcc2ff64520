"""Nodes whose inputs are known before anything runs, such as those on shapes: ONNX's own reference computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import helper

from weft.boards.errors import DeviceError
from weft.host.opencl.errors import shortened

_IR_VERSION = 10  # which the opsets that weft.load makes belong to (onnx/docs/Versioning.md)


def evaluate(node: ir.Node, inputs: Sequence[NDArray[Any] | None]) -> list[NDArray[Any]]:
    """The outputs of one node. Raises DeviceError where the reference cannot compute it."""
    from onnx.reference import ReferenceEvaluator

    proto = ir.to_proto(node)
    known = {name: value for name, value in zip(proto.input, inputs, strict=True) if value is not None}
    sources, targets = (
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(known[name].dtype), None)
            for name in known
        ],
        [helper.make_empty_tensor_value_info(name) for name in proto.output],
    )
    imports = node.graph.opset_imports if node.graph is not None else {"": 21}
    model = helper.make_model(
        helper.make_graph([proto], "node", sources, targets),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=_IR_VERSION,
    )
    try:
        return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, known)]
    except Exception as error:  # the reference raises whatever NumPy does
        raise DeviceError(f"node {node.name!r} cannot be computed from its constants: {shortened(error)}") from error
