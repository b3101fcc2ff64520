"""The fixed-point types that a quantised ONNX model states.

Two notations are read: QuantizeLinear/DequantizeLinear of ONNX and `Quant` of QONNX (Brevitas, qonnx), both with a
power-of-two scale and zero point 0, which is what ap_fixed can hold.
"""

from __future__ import annotations

from math import frexp
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import InputError, ModelError
from weft.hls.passes.editing import constant_array, is_quant
from weft.hls.precision import FixedType, Rounding

__all__ = ["is_quantised", "quant_type", "tensor_types"]

# QONNX's rounding modes in Vitis HLS's names (github.com/fastmachinelearning/qonnx, docs of Quant).
_ROUNDING: dict[str, Rounding] = {
    "ROUND": "RND_CONV",
    "HALF_EVEN": "RND_CONV",
    "FLOOR": "TRN",
    "ROUND_TO_ZERO": "TRN_ZERO",
    "DOWN": "TRN_ZERO",
    "HALF_UP": "RND_INF",
    "HALF_DOWN": "RND_ZERO",
}


def is_quantised(model: ir.Model) -> bool:
    """Whether the model's graph has QuantizeLinear, DequantizeLinear or a QONNX quantiser anywhere."""
    return any(_is_dequantise(node) or is_quant(node) or _is_quantise(node) for node in model.graph.all_nodes())


def tensor_types(model: ir.Model) -> dict[str, FixedType]:
    """The type of every value that a DequantizeLinear or Quant node gives, by the value's name.

    Every type has the modes that quantising has: RND_CONV and SAT (QONNX may state others).

    Raises:
        ModelError: a scale is not one power of two, or a zero point is not 0; the sentence names the tensor.

    """
    types: dict[str, FixedType] = {}
    for node in model.graph.all_nodes():
        if _is_dequantise(node):
            types[node.outputs[0].name or ""] = _dequantised(node)
        elif is_quant(node):
            types[node.outputs[0].name or ""] = quant_type(node)
    return types


def _is_dequantise(node: ir.Node) -> bool:
    return node.domain == "" and node.op_type == "DequantizeLinear"


def _is_quantise(node: ir.Node) -> bool:
    return node.domain == "" and node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear")


def _dequantised(node: ir.Node) -> FixedType:
    name = node.outputs[0].name or ""
    fraction = _fraction(node.inputs[1], name)
    _check_zero_point(node.inputs[2] if len(node.inputs) > 2 else None, name)
    dtype = node.inputs[0].dtype if node.inputs[0] is not None else None
    if dtype is None or not dtype.is_integer():
        raise ModelError(f"tensor {name!r} is dequantised from {dtype}, which is not an integer type")
    return FixedType(dtype.bitwidth, dtype.bitwidth - fraction, dtype.is_signed(), "RND_CONV", "SAT")


def quant_type(node: ir.Node) -> FixedType:
    """The type a QONNX `Quant` node states. Raises ModelError where no fixed-point type is the same."""
    name = node.outputs[0].name or ""
    if node.op_type == "BipolarQuant":
        raise ModelError(f"tensor {name!r} is bipolar (-1 or 1), which fixed point has no type for")
    fraction = _fraction(node.inputs[1], name)
    _check_zero_point(node.inputs[2], name)
    width = _constant(node.inputs[3], "bit width", name)
    if width.size != 1 or not float(width.reshape(-1)[0]).is_integer():
        raise ModelError(f"tensor {name!r} has bit width {width.tolist()}, which is not one whole number")
    signed, narrow = (bool(_attribute(node, key, default)) for key, default in (("signed", 1), ("narrow", 0)))
    mode = str(_attribute(node, "rounding_mode", "ROUND")).upper()
    if mode not in _ROUNDING:
        raise ModelError(f"tensor {name!r} rounds by {mode!r}, which fixed point has no mode for")
    if narrow and not signed:
        raise ModelError(f"tensor {name!r} is unsigned and narrow, which fixed point has no mode for")
    bits = int(width.reshape(-1)[0])
    try:
        return FixedType(bits, bits - fraction, signed, _ROUNDING[mode], "SAT_SYM" if narrow else "SAT")
    except InputError as error:
        raise ModelError(f"tensor {name!r}: {error}") from error


def _attribute(node: ir.Node, name: str, default: int | str) -> Any:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.value


def _constant(value: ir.Value | None, what: str, name: str) -> NDArray[Any]:
    array = constant_array(value)
    if array is None or array.size == 0:
        raise ModelError(f"the {what} of tensor {name!r} is not a constant")
    return array


def _fraction(scale: ir.Value | None, name: str) -> int:
    """Fraction bits of a power-of-two scale: 2**-n gives n."""
    values = np.unique(_constant(scale, "scale", name).astype(np.float64))
    if values.size != 1:
        raise ModelError(f"tensor {name!r} has a scale per channel, where fixed point needs one for the whole tensor")
    mantissa, exponent = frexp(float(values[0]))
    if mantissa != 0.5:
        raise ModelError(f"tensor {name!r} has scale {values[0]:g}, which is not a power of two as fixed point needs")
    return 1 - exponent


def _check_zero_point(value: ir.Value | None, name: str) -> None:
    if value is not None and _constant(value, "zero point", name).astype(np.float64).any():
        raise ModelError(f"tensor {name!r} has a zero point other than 0, which fixed point has no room for")
