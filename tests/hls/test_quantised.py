"""Types that quantised models state, as ONNX and QONNX write them."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from weft.boards.errors import ModelError
from weft.hls.precision import FixedType
from weft.hls.quantised import is_quantised, tensor_types


def _model(nodes: str, **constants: object) -> ir.Model:
    text = f"""<ir_version: 10, opset_import: ["" : 21, "qonnx.custom_op.general" : 1]>
        net (float[N,4] x) => (float[N,4] y) {{ {nodes} }}"""
    proto = onnx.parser.parse_model(text)
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


QDQ = "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)"
QUANT = 'y = qonnx.custom_op.general.Quant<signed={}, narrow={}, rounding_mode="{}">(x, s, z, w)'


@pytest.mark.parametrize(
    ("dtype", "scale", "expected"),
    [
        (np.int8, 0.25, "fixed<8,6,RND_CONV,SAT>"),
        (np.uint8, 2.0**-8, "ufixed<8,0,RND_CONV,SAT>"),
        (np.int16, 2.0, "fixed<16,17,RND_CONV,SAT>"),
        (np.uint16, 1.0, "ufixed<16,16,RND_CONV,SAT>"),
    ],
)
def test_quantize_linear(dtype: type, scale: float, expected: str) -> None:
    model = _model(QDQ, s=np.float32(scale), z=dtype(0))
    assert is_quantised(model)
    assert tensor_types(model) == {"y": FixedType.parse(expected)}


@pytest.mark.parametrize(
    ("signed", "narrow", "mode", "expected"),
    [
        (1, 0, "ROUND", "fixed<5,3,RND_CONV,SAT>"),
        (0, 0, "FLOOR", "ufixed<5,3,TRN,SAT>"),
        (1, 1, "ROUND_TO_ZERO", "fixed<5,3,TRN_ZERO,SAT_SYM>"),
    ],
)
def test_quant(signed: int, narrow: int, mode: str, expected: str) -> None:
    model = _model(QUANT.format(signed, narrow, mode), s=np.float32(0.25), z=np.float32(0), w=np.float32(5))
    assert is_quantised(model)
    assert tensor_types(model) == {"y": FixedType.parse(expected)}


@pytest.mark.parametrize(
    ("scale", "zero", "reason"),
    [
        (np.float32(0.3), np.int8(0), "'y' has scale 0.3, which is not a power of two"),
        (np.float32(0), np.int8(0), "not a power of two"),
        (np.float32(-0.5), np.int8(0), "not a power of two"),
        (np.float32(np.nan), np.int8(0), "not a power of two"),
        (np.float32(0.5), np.int8(3), "'y' has a zero point other than 0"),
        (np.array([0.5, 0.25, 0.5, 0.5], np.float32), np.zeros(4, np.int8), "'y' has a scale per channel"),
    ],
)
def test_what_fixed_point_cannot_hold(scale: object, zero: object, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        tensor_types(_model(QDQ, s=scale, z=zero))


def test_a_scale_that_is_computed() -> None:
    nodes = "q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z)"
    with pytest.raises(ModelError, match="the scale of tensor 'y' is not a constant"):
        tensor_types(_model(nodes))


@pytest.mark.parametrize(("width", "mode"), [(2.5, "ROUND"), (70, "ROUND"), (8, "CEIL")])
def test_quant_that_fixed_point_cannot_hold(width: float, mode: str) -> None:
    model = _model(QUANT.format(1, 0, mode), s=np.float32(0.5), z=np.float32(0), w=np.float32(width))
    with pytest.raises(ModelError, match="tensor 'y'"):
        tensor_types(model)


def test_a_float_model_has_no_types() -> None:
    model = _model("y = Relu(x)")
    assert not is_quantised(model)
    assert tensor_types(model) == {}
