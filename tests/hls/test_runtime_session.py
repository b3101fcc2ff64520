"""Sessions of quantised networks that ONNX Runtime's own optimiser spoils, and of networks that are wrong."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from weft.hls.runtime_session import open_session


def network(tail: str, dtype: type) -> bytes:
    """Relu, quantised to steps of a quarter, and `tail` from `d` to `y`."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 21]> net (float[N,2,4,4] x) => (float[N,2,3,3] y) {{
        r = Relu(x) q = QuantizeLinear(r, s, z) d = DequantizeLinear(q, s, z) {tail} }}"""
    )
    constants = {"s": np.float32(0.25), "z": np.zeros((), dtype)}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items())
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_quantised_before_a_maximum(dtype: type) -> None:
    session = open_session(network("y = MaxPool<kernel_shape=[2,2]>(d)", dtype), ort.SessionOptions())
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4) / 8
    expected = np.rint(x[:, :, 1:, 1:] * 4) / 4
    np.testing.assert_array_equal(np.asarray(session.run(None, {"x": x})[0]), expected)


def test_what_is_wrong_is_raised() -> None:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception, match="QuantizeLinear"):
        open_session(network("e = QuantizeLinear(d, s, s) y = Relu(e)", np.int8), options)
    with pytest.raises(Exception, match="Nothing"):
        open_session(network("y = Nothing(d)", np.int8), options)
