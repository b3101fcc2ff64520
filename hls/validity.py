"""Whether a network is valid ONNX: by onnx's checker and, where that asks for more than running needs, ONNX Runtime."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import onnxruntime as ort

# What onnx's checker refuses and exporters write all the same: ONNX Runtime's own operators in the standard domain,
# such as SimplifiedLayerNormalization of language models, and outputs without a type or a rank.
_TOLERATED = ("No Op registered for", "Field 'type' of 'value_info'", "Field 'shape' of 'type'")
# Protobuf ends at 2 GiB; a larger network cannot be handed over in one piece, and is refused when it is run.
LARGEST_ASKED = 2**30


def tolerated(error: BaseException) -> bool:
    """Whether a refusal of onnx's checker is one that ONNX Runtime has the last word on."""
    return any(reason in str(error) for reason in _TOLERATED)


def runtime_refusal(model: ir.Model | onnx.ModelProto) -> Exception | None:
    """What ONNX Runtime says against a network, None where it takes it or was not asked because of the size."""
    if isinstance(model, ir.Model):
        weights = (value.const_value for value in model.graph.initializers.values())
        if sum(tensor.nbytes for tensor in weights if tensor is not None) > LARGEST_ASKED:
            return None
        model = ir.to_proto(model)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as reason:  # ONNX Runtime's exceptions share no base below Exception
        return reason
    return None
