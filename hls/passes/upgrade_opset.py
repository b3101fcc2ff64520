"""Bring the standard operator set to one that has 16-bit QuantizeLinear."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.passes.editing import has_sequences

# QuantizeLinear takes int16 and uint16 from opset 21 on (onnx/docs/Changelog.md), which came with IR version 10.
TARGET_OPSET = 21
TARGET_IR = 10
# ONNX Runtime runs opset 7 and later (onnxruntime.ai, "Compatibility").
OLDEST_OPSET = 7
# The converter works on one protobuf message, which ends at 2 GiB; a margin is left for what it adds.
LARGEST_CONVERSION = 2**31 - 2**26


class UpgradeOpsetPass(ir.passes.FunctionalPass):
    """Ensures opset 21 or later where onnx's version converter manages it, and the original opset otherwise."""

    def requires(self, model: ir.Model) -> None:
        """No functions: the converter drops them."""
        if model.functions:
            raise ir.passes.PreconditionError("functions must be inlined before the opset is upgraded")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Convert; ModelError for an opset newer than onnx knows or older than ONNX Runtime runs."""
        opset = model.graph.opset_imports.get("")
        newest = onnx.defs.onnx_opset_version()
        if opset is not None and opset > newest:
            raise ModelError(f"the model has opset {opset}, newer than {newest}, the newest known here: upgrade onnx")
        upgraded = None
        if opset is not None and opset < TARGET_OPSET:
            upgraded = _converted(model)
            if upgraded is None and opset < OLDEST_OPSET:
                raise ModelError(f"the model has opset {opset}, too old to convert: export it with opset 21 or later")
        result = upgraded or model.clone()
        result.ir_version = max(result.ir_version, TARGET_IR)
        return ir.passes.PassResult(result, modified=upgraded is not None)


def _converted(model: ir.Model) -> ir.Model | None:
    """The model at TARGET_OPSET, or None where the converter or its result fails."""
    if has_sequences(model):
        return None  # onnx 1.22 would give them a tensor's type
    size = sum(v.const_value.nbytes for v in model.graph.initializers.values() if v.const_value is not None)
    if size > LARGEST_CONVERSION:
        return None
    try:
        proto = onnx.version_converter.convert_version(ir.to_proto(model), TARGET_OPSET)
        proto.ir_version = max(proto.ir_version, TARGET_IR)
        onnx.checker.check_model(proto)
        converted = ir.from_proto(proto)
    except Exception:  # its C++ code raises several kinds for "no adapter from this version"
        return None
    return converted if _same_ends(model, converted) else None


def _same_ends(model: ir.Model, converted: ir.Model) -> bool:
    """Whether inputs and outputs kept names, types and shapes; what was free may have a size now that it was inferred.

    The converter drops Scan's batch axis, which opset 8 has.
    """
    ends = [(*each.graph.inputs, *each.graph.outputs) for each in (model, converted)]
    return len(ends[0]) == len(ends[1]) and all(map(_same, *ends))


def _same(before: ir.Value, after: ir.Value) -> bool:
    if (before.name, before.type) != (after.name, after.type):
        return False
    if before.shape is None or after.shape is None:
        return before.shape is None
    sizes = zip(before.shape, after.shape, strict=False)
    return len(before.shape) == len(after.shape) and all(a == b for a, b in sizes if isinstance(a, int))
