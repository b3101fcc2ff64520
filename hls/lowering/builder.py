"""Collects hls4ml layers while the operators of a region are lowered one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import ModelError
from weft.hls.passes.editing import is_quant
from weft.hls.precision import FixedType, Integers
from weft.hls.quantised import quant_type


@dataclass(frozen=True)
class Placed:
    """A value of the network as the design holds it: channels last, without the batch."""

    tensor: str
    shape: tuple[int, ...]
    type: FixedType
    axes: tuple[int, ...]  # for each stored axis, the axis (batch not counted) it has in the network
    order: Integers | None = None  # a flattened image: for each stored position, its position in the network


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant of the network: float64 values, and the type its quantisation gave it, if any."""

    values: NDArray[np.float64]
    type: FixedType | None


@dataclass
class Builder:
    """hls4ml layer dictionaries in the making, and where each value of the network is."""

    types: Mapping[str, FixedType]  # value name -> type, from the model's quantisation
    uniform: FixedType | None  # one type for everything, as hls4ml's default_precision
    io: str
    nodes: Sequence[ir.Node]
    layers: list[dict[str, Any]] = field(default_factory=list)
    precisions: dict[str, dict[str, str]] = field(default_factory=dict)
    onnx_nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    placed: dict[ir.Value, Placed] = field(default_factory=dict)
    done: set[ir.Node] = field(default_factory=set)

    def add(
        self,
        kind: str,
        inputs: Iterable[str],
        result: FixedType,
        nodes: Iterable[ir.Node] = (),
        *,
        precision: Mapping[str, FixedType | None] | None = None,
        label: str = "",
        **attributes: Any,
    ) -> str:
        """Append a layer; its name, which is also its output's, is weft's own: `<label>_<n>`."""
        name = f"{label or kind.lower()}_{len(self.precisions)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": list(inputs), "outputs": [name], **attributes})
        types = {"result": result, **(precision or {})}
        self.precisions[name] = {key: hls4ml_type(fixed) for key, fixed in types.items() if fixed is not None}
        self.onnx_nodes[name] = tuple(str(node.name) for node in nodes)
        return name

    def place(self, value: ir.Value, placed: Placed) -> None:
        """Say where `value` lives."""
        self.placed[value] = placed

    def result_type(self, value: ir.Value, exact: FixedType) -> FixedType:
        """The type `value` gets: the one everything gets, its quantisation's, or `exact`, which loses nothing."""
        if self.uniform is not None:
            return self.uniform
        for alias in quantised_copies(value, self.nodes):
            if str(alias.name) in self.types:
                return self.types[str(alias.name)]
        return self.types.get(str(value.name), exact)

    def operand(self, value: ir.Value | None, node: ir.Node) -> Placed:
        """Where an input of `node` lives, in network order (a flattened image is put back into it)."""
        placed = self.operand_in_any_order(value, node)
        if placed.order is not None:
            raise ModelError(f"node {node.name!r} reads a flattened image that only a MatMul was to read")
        return placed

    def operand_in_any_order(self, value: ir.Value | None, node: ir.Node) -> Placed:
        """Where an input of `node` lives; `order` may be set."""
        if value is None or value not in self.placed:
            name = value.name if value is not None else ""
            raise ModelError(f"node {node.name!r} ({node.op_type}) reads {name!r}, which the region does not hold")
        return self.placed[value]

    def constant(self, value: ir.Value | None) -> Constant | None:
        """The constant behind `value`, through a DequantizeLinear or QONNX Quant if there is one, or None."""
        if value is None:
            return None
        producer = value.producer()
        if producer is not None and producer.op_type == "DequantizeLinear":
            return self._dequantised(value, producer)
        if producer is not None and is_quant(producer):
            return self._quantised(value, producer)
        if value.const_value is None:
            return None
        return Constant(value.const_value.numpy().astype(np.float64), self.types.get(str(value.name)))

    def _dequantised(self, value: ir.Value, producer: ir.Node) -> Constant | None:
        stored, scale = producer.inputs[0], producer.inputs[1]
        if stored is None or scale is None or stored.const_value is None or scale.const_value is None:
            return None
        values = stored.const_value.numpy().astype(np.float64) * scale.const_value.numpy().astype(np.float64)
        return Constant(values, self.types.get(str(value.name)))

    def _quantised(self, value: ir.Value, producer: ir.Node) -> Constant | None:
        stored = producer.inputs[0]
        if stored is None or stored.const_value is None:
            return None
        kind = quant_type(producer)
        values = kind.to_float(kind.quantise(stored.const_value.numpy().astype(np.float64)))
        return Constant(values, self.types.get(str(value.name)))

    def channels_last(self, placed: Placed) -> Placed:
        """`placed` with the network's channel axis (0) last, transposing where it is elsewhere."""
        wanted = (*range(1, len(placed.shape)), 0)
        return self.reordered(placed, wanted)

    def reordered(self, placed: Placed, axes: tuple[int, ...]) -> Placed:
        """`placed` with its axes in the given order; a transpose that moves no value is a reshape, or nothing."""
        if placed.axes == axes:
            return placed
        perm = tuple(placed.axes.index(axis) for axis in axes)
        shape = tuple(placed.shape[axis] for axis in perm)
        moving = [axis for axis in perm if placed.shape[axis] > 1]
        if moving == sorted(moving):
            name = self.add("Reshape", [placed.tensor], placed.type, target_shape=list(shape))
        else:
            name = self.add("Transpose", [placed.tensor], placed.type, perm=list(perm))
        return replace(placed, tensor=name, shape=shape, axes=axes)

    def without_reshape(self, tensor: str) -> str:
        """The tensor that `tensor` is a mere reshape of, or itself: an end needs no layer to have another shape, and
        hls4ml drops or repacks one there. Reshapes nothing else reads are taken out."""
        layers = {layer["name"]: layer for layer in self.layers}
        while layers[tensor]["class_name"] == "Reshape":
            reshape = layers[tensor]
            if not any(tensor in layer["inputs"] for layer in self.layers):
                self.layers.remove(reshape)
            (tensor,) = reshape["inputs"]
        if layers[tensor]["class_name"] == "InputLayer":
            raise ModelError(f"a region that only reshapes its input {tensor} is no design: leave it to the CPU")
        return tensor


def hls4ml_type(fixed: FixedType) -> str:
    """As hls4ml's configuration spells a type."""
    return str(fixed)


def quantised_copies(value: ir.Value, nodes: Sequence[ir.Node]) -> list[ir.Value]:
    """Outputs of the QuantizeLinear/DequantizeLinear pairs (or Quant nodes) that read `value`."""
    copies = []
    for consumer in value.consumers():
        if consumer.op_type == "QuantizeLinear":
            copies += [
                node.outputs[0] for node in consumer.outputs[0].consumers() if node.op_type == "DequantizeLinear"
            ]
        elif consumer.op_type == "Quant":
            copies.append(consumer.outputs[0])
    return copies


def shape_of(value: ir.Value | None) -> tuple[int, ...] | None:
    """Static extents without the batch, or None where one is unknown."""
    if value is None or value.shape is None or len(value.shape) == 0:
        return None
    extents = value.shape.dims[1:]
    known = tuple(extent for extent in extents if isinstance(extent, int))
    return known if len(known) == len(extents) else None


def exact_sum_type(magnitude: int, fraction: int) -> FixedType:
    """The narrowest signed type with `fraction` fraction bits that holds raw integers up to `magnitude`."""
    width = max(2, int(magnitude).bit_length() + 1)
    return FixedType(width, width - fraction)


def narrowed(raw: Integers, fraction: int) -> FixedType:
    """The narrowest signed type that holds these raw integers."""
    return exact_sum_type(max(int(np.abs(raw).max(initial=0)), 1), fraction)


def fitted(values: NDArray[np.float64], width: int) -> FixedType:
    """A signed type of `width` bits with just the integer bits that the values need, and its rounding to nearest."""
    largest = float(np.abs(values).max(initial=0.0))
    integer = 1 if largest == 0 else int(np.floor(np.log2(largest))) + 2
    return FixedType(width, integer, True, "RND_CONV", "SAT")
