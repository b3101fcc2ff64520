"""ONNX Runtime's sessions on the CPU."""

from __future__ import annotations

import onnxruntime as ort

_PROVIDERS = ["CPUExecutionProvider"]


def open_session(model: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    """A session of a serialised model. Raises what ONNX Runtime raises, which shares no base but Exception.

    ONNX Runtime 1.32 moves a signed QuantizeLinear behind a MaxPool whose result stays in float, gives it an unsigned
    zero point, and then refuses its own network: that one step is left out where a network is refused.
    """
    try:
        return ort.InferenceSession(model, options, providers=_PROVIDERS)
    except Exception as error:
        if "QuantizeLinear" not in str(error):
            raise
        dropped = ["QDQPropagationTransformer"]
        return ort.InferenceSession(model, options, providers=_PROVIDERS, disabled_optimizers=dropped)
