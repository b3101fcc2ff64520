"""Small questions about an ONNX node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from weft.host.opencl.lowering import Lowering


def attribute(node: ir.Node, name: str, default: Any) -> Any:
    """An attribute's value, or ONNX's default for it."""
    found = node.attributes.get(name)
    return default if found is None or found.value is None else found.value


def element_type(value: ir.Value | None) -> np.dtype[Any] | None:
    """The NumPy type of a value's elements; None where it has none or it is unknown."""
    if value is None or value.dtype is None:
        return None
    try:
        return np.dtype(value.dtype.numpy())
    except TypeError:
        return None


def given(node: ir.Node, number: int) -> ir.Value | None:
    """An input that may be left out."""
    return node.inputs[number] if number < len(node.inputs) else None


def needed(node: ir.Node, number: int) -> ir.Value:
    """An input that ONNX demands."""
    value = node.inputs[number]
    assert value is not None, f"{node.op_type} without input {number}"
    return value


def integers(lowering: Lowering, node: ir.Node, number: int, name: str) -> tuple[int, ...] | None:
    """Integers from an input, or from the attribute that older opsets have in its place; None where there is none."""
    value = given(node, number)
    if value is not None:
        known = lowering.host(value)
        assert known is not None, f"input {number} of {node.op_type} is not known on the host"
        return tuple(int(each) for each in np.atleast_1d(known))
    found: Sequence[int] | None = attribute(node, name, None)
    return None if found is None else tuple(found)


def positive(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    return tuple(axis % rank for axis in axes)
