"""Refuse networks whose nodes disagree about shapes or types."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from weft.boards.errors import ModelError
from weft.hls.onnx_file import first_line
from weft.hls.passes.editing import LookingPass
from weft.hls.validity import runtime_refusal


class CheckShapesPass(LookingPass):
    """Ensures that onnx's strict check passes, or, where it has no opinion or is wrong, that ONNX Runtime agrees."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Check; ModelError with ONNX Runtime's reason where both refuse."""
        try:
            common.CheckerPass(full_check=True)(model)
        except Exception as error:  # onnx's shape inference also refuses some networks that are right
            reason = runtime_refusal(model)
            if reason:
                raise ModelError(f"the model's shapes or types do not fit together: {first_line(reason)}") from error
        return ir.passes.PassResult(model, modified=False)
