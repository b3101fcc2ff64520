"""Refuse networks whose nodes disagree about shapes or types."""

from __future__ import annotations

import onnx_ir as ir
import onnxruntime as ort
from onnx_ir.passes import common

from weft.boards.errors import ModelError
from weft.hls.onnx_file import LARGEST_FILE, first_line
from weft.hls.passes.editing import LookingPass


class CheckShapesPass(LookingPass):
    """Ensures that onnx's strict check passes, or, where it has no opinion or is wrong, that ONNX Runtime agrees."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Check; ModelError with ONNX Runtime's reason where both refuse."""
        try:
            common.CheckerPass(full_check=True)(model)
        except Exception as error:  # onnx's shape inference also refuses some networks that are right
            _ask_runtime(model, error)
        return ir.passes.PassResult(model, modified=False)


def _ask_runtime(model: ir.Model, error: Exception) -> None:
    weights = (value.const_value for value in model.graph.initializers.values())
    if sum(tensor.nbytes for tensor in weights if tensor is not None) > LARGEST_FILE // 2:
        return  # too large to hand over in one piece; ONNX Runtime speaks up when it runs
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        ort.InferenceSession(ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as reason:
        raise ModelError(f"the model's shapes or types do not fit together: {first_line(reason)}") from error
