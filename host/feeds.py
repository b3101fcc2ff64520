"""The ends of a network as a program sees them, and what is wrong with the arrays it feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import InputError


@dataclass(frozen=True)
class NodeArg:
    """An input or output of the network.

    `shape` has an int for a fixed axis, and a name or None for a free one; it is None where the rank is free, and for
    what is no tensor. `type` is as ONNX Runtime writes it, such as "tensor(float)" or "seq(tensor(int64))". `dtype` is
    None for sequences and optionals.
    """

    name: str
    shape: tuple[int | str | None, ...] | None
    type: str
    dtype: np.dtype[Any] | None


def node_args(values: Iterable[ir.Value]) -> list[NodeArg]:
    """The inputs or outputs of a graph, described. Raises InputError for one without a type."""
    return [_node_arg(value) for value in values]


def check_feeds(arguments: Sequence[NodeArg], feeds: Mapping[str, Any]) -> None:
    """Raise InputError unless `feeds` has every input and nothing else, with the dtype and shape of each."""
    known = {argument.name for argument in arguments}
    for name in feeds:
        if name not in known:
            raise InputError(f"input {name!r} does not exist: the inputs are {names(arguments)}")
    sizes: dict[str, tuple[int, str]] = {}
    for argument in arguments:
        if argument.name not in feeds:
            raise InputError(f"input {argument.name!r} is missing: the inputs are {names(arguments)}")
        if argument.dtype is not None:
            _check_tensor(argument, argument.dtype, np.asarray(feeds[argument.name]), sizes)


def check_names(outputs: Sequence[NodeArg], wanted: Iterable[str]) -> None:
    """Raise InputError unless every name that is `wanted` is an output's."""
    known = {argument.name for argument in outputs}
    for name in wanted:
        if name not in known:
            raise InputError(f"output {name!r} does not exist: the outputs are {names(outputs)}")


def names(arguments: Sequence[NodeArg]) -> str:
    """The names of inputs or outputs, for a message."""
    return ", ".join(argument.name for argument in arguments)


def _check_tensor(
    argument: NodeArg, dtype: np.dtype[Any], value: NDArray[Any], sizes: dict[str, tuple[int, str]]
) -> None:
    text = dtype.kind == "O" and value.dtype.kind in "US"  # strings, which ONNX Runtime takes in either form
    if value.dtype != dtype and not text:
        raise InputError(f"input {argument.name!r} has dtype {value.dtype}, and {dtype} is needed")
    if argument.shape is not None:
        _check_shape(argument.name, argument.shape, value.shape, sizes)


def _check_shape(
    name: str, wanted: tuple[int | str | None, ...], shape: tuple[int, ...], sizes: dict[str, tuple[int, str]]
) -> None:
    fits = len(shape) == len(wanted) and all(
        axis == size for size, axis in zip(shape, wanted, strict=True) if isinstance(axis, int)
    )
    if not fits:
        expected = "(" + ", ".join("?" if axis is None else str(axis) for axis in wanted) + ")"
        raise InputError(f"input {name!r} has shape {shape}, and {expected} is needed")
    for size, axis in zip(shape, wanted, strict=True):
        if isinstance(axis, str):
            first, owner = sizes.setdefault(axis, (size, name))
            if first != size:
                raise InputError(f"inputs {owner!r} and {name!r} differ in axis {axis!r}: {first} and {size}")


def _node_arg(value: ir.Value) -> NodeArg:
    name = value.name or ""
    if value.type is None:
        raise InputError(f"tensor {name!r} has no type, so it cannot be an end of the network")
    if not isinstance(value.type, ir.TensorType):
        return NodeArg(name, None, _type_name(value.type), None)
    shape = None if value.shape is None else tuple(_axis(axis) for axis in value.shape)
    try:
        dtype = np.dtype(value.type.dtype.numpy())
    except TypeError:
        raise InputError(f"tensor {name!r} has element type {value.dtype}, which NumPy cannot hold") from None
    return NodeArg(name, shape, _type_name(value.type), dtype)


def _axis(axis: int | ir.SymbolicDim) -> int | str | None:
    return axis if isinstance(axis, int) else axis.value


def _type_name(kind: ir.TypeProtocol) -> str:
    """A type as ONNX Runtime writes it."""
    if isinstance(kind, ir.SequenceType | ir.OptionalType):
        outer = "seq" if isinstance(kind, ir.SequenceType) else "optional"
        return f"{outer}({_type_name(kind.elem_type)})"
    name = kind.dtype.name.lower()
    element = {"float32": "float", "float64": "double"}.get(name, name)
    return f"sparse_tensor({element})" if isinstance(kind, ir.SparseTensorType) else f"tensor({element})"
