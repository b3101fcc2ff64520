"""Refuse networks that are not valid ONNX."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from weft.hls.passes.editing import LookingPass
from weft.hls.validity import runtime_refusal, tolerated


class CheckModelPass(LookingPass):
    """Ensures that onnx's checker passes, or that ONNX Runtime takes what the checker is too strict about."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Check; raises what the checker says."""
        try:
            common.CheckerPass()(model)
        except Exception as error:
            if not tolerated(error.__cause__ or error) or runtime_refusal(model):
                raise
        return ir.passes.PassResult(model, modified=False)
