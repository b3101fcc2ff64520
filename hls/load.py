"""`load`: any ONNX source to a checked, cleaned `onnx_ir.Model` that computes the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from weft.boards.errors import ModelError
from weft.hls.onnx_file import first_line, read
from weft.hls.passes.bound_functions import BoundFunctionsPass
from weft.hls.passes.check_model import CheckModelPass
from weft.hls.passes.check_shapes import CheckShapesPass
from weft.hls.passes.fix_dimensions import FixDimensionsPass
from weft.hls.passes.fold_batch_norm import FoldBatchNormPass
from weft.hls.passes.fold_constants import FoldConstantsPass
from weft.hls.passes.gemm_to_matmul import GemmToMatMulPass
from weft.hls.passes.infer_shapes import InferShapesPass
from weft.hls.passes.name_nodes import NameNodesPass
from weft.hls.passes.remove_identity import RemoveIdentityPass
from weft.hls.passes.settle_reshapes import SettleReshapesPass
from weft.hls.passes.upgrade_opset import UpgradeOpsetPass

__all__ = ["load"]


def load(
    source: str | Path | bytes | onnx.ModelProto | ir.Model, *, dimensions: Mapping[str, int] | None = None
) -> ir.Model:
    """Read a network, check it, and bring it to the form that the rest of weft reads.

    Functions are inlined, constants folded, Identity and inference Dropout removed, Gemm becomes MatMul and Add, batch
    normalisation is folded into the layer before it, shapes are inferred, and every node has a name of its own. Inputs,
    outputs and their names stay; ONNX Runtime computes the same with the result. `source` itself is not changed. A
    graph read from a file is named after it.

    Args:
        source: path of an .onnx file (external data beside it is read), its bytes, a ModelProto or an onnx_ir model.
        dimensions: sizes for free dimensions of the inputs, by name: FPGA designs have no free dimension but the batch.

    Raises:
        ModelError: the source is not valid ONNX, its opset cannot be handled, it reaches outside its folder, or it has
            no free dimension of a name that is given.

    """
    model = read(source)
    if isinstance(source, (str, Path)):  # exporters call every graph main_graph
        model.graph.name = Path(source).stem
    try:
        return _cleaning(dimensions or {})(model).model
    except ir.passes.PassError as error:
        raise ModelError(_reason(error)) from error


def _cleaning(dimensions: Mapping[str, int]) -> ir.passes.Sequential:
    return ir.passes.Sequential(
        CheckModelPass(),
        BoundFunctionsPass(),
        common.InlinePass(),
        FixDimensionsPass(dimensions),
        UpgradeOpsetPass(),
        common.RemoveInitializersFromInputsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        RemoveIdentityPass(),
        FoldConstantsPass(),
        InferShapesPass(),
        SettleReshapesPass(),
        GemmToMatMulPass(),
        InferShapesPass(),  # batch normalisation looks at the rank of MatMul's result
        FoldBatchNormPass(),
        common.RemoveUnusedNodesPass(),
        NameNodesPass(),
        CheckShapesPass(),
    )


def _reason(error: BaseException) -> str:
    """The innermost cause, as one sentence."""
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, ModelError):
        cause = cause.__cause__
    if isinstance(cause, ModelError):
        return str(cause)
    return f"the model is not valid ONNX: {first_line(cause)}"
