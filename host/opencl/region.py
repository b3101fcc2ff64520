"""A region's nodes as schedules: one for each set of input shapes, made when it is first met."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.host.device import Arrays
from weft.host.opencl.context import Context
from weft.host.opencl.errors import opencl_errors, shortened
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import element_type
from weft.host.opencl.operators import OPERATORS
from weft.host.opencl.reference import evaluate
from weft.host.opencl.schedule import Kernels, Schedule
from weft.host.opencl.tensor import C_TYPES, Storage, Tensor

_KEPT = 4  # schedules: a program meets a few batch sizes in turn, and each keeps its buffers
# A language model meets a new length with every token, and the same ones again in its next answer. [assumption] Of
# small buffers as many schedules are kept as fit in 64 MiB, and no more than a long answer has tokens.
_KEPT_BYTES, _MOST_KEPT = 64 << 20, 1024


class RegionCode:
    """Nodes in order, their weights on the device, and the schedules made so far."""

    def __init__(
        self, context: Context, nodes: Sequence[ir.Node], inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self._known = _constants(nodes)
        self._values = {value.name or "": value for node in nodes for value in (*node.inputs, *node.outputs) if value}
        nodes = [node for node in nodes if not all(value.name in self._known for value in node.outputs)]
        self._context, self._nodes = context, tuple(nodes)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._readers = _readers(nodes, outputs)
        self._on_host = host_values(nodes) & set(inputs)
        self._kernels = Kernels(context)
        self._schedules: OrderedDict[tuple[Any, ...], Schedule] = OrderedDict()
        self._weights: dict[str, Tensor] = {}
        try:
            for name, values in _weights(nodes, self._known).items():
                self._weights[name] = Tensor(values.shape, values.dtype, Storage(values.nbytes, context.upload(values)))
            lowering = Lowering(context, self._weights, {}, self._known)
            for node in nodes:
                if fold := OPERATORS[node.op_type].fold:
                    fold(lowering, node)
        except DeviceError:
            self.close()
            raise

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by name. Raises DeviceError where the device fails; the next call may succeed."""
        arrays = {name: np.asarray(inputs[name]) for name in self._inputs}
        with self._context.lock, opencl_errors("running a region"):
            return self._schedule(arrays).run(arrays)

    def copies(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """How many arrays a run with `inputs` copies, and how many bytes they have."""
        arrays = {name: np.asarray(inputs[name]) for name in self._inputs}
        with self._context.lock:
            return self._schedule(arrays).copies(arrays)

    def _schedule(self, inputs: Arrays) -> Schedule:
        key = tuple(
            (value.shape, value.dtype.str, value.tobytes() if name in self._on_host else b"")
            for name, value in inputs.items()
        )
        if key in self._schedules:
            self._schedules.move_to_end(key)
            return self._schedules[key]
        while self._is_full():
            self._schedules.popitem(last=False)[1].close()
        try:
            made = self._made(inputs)
        except DeviceError:
            if not self._schedules:
                raise
            self._forget()  # their buffers may be what was missing
            made = self._made(inputs)
        self._schedules[key] = made
        return made

    def _is_full(self) -> bool:
        count = len(self._schedules)
        within = sum(schedule.nbytes for schedule in self._schedules.values()) < _KEPT_BYTES
        return count >= (_MOST_KEPT if within else _KEPT)

    def _made(self, inputs: Arrays) -> Schedule:
        lowering = Lowering(self._context, self._weights, self._readers, self._known)
        entering: dict[str, Tensor] = {}
        try:
            for name, array in inputs.items():
                wanted = element_type(self._values[name])
                if array.dtype != wanted:
                    raise DeviceError(f"input {name!r} has dtype {array.dtype}, and {wanted} is needed")
                if name in self._on_host:
                    lowering.define(self._values[name], array)
                else:
                    entering[name] = lowering.allocate(array.shape, array.dtype)
                    lowering.define(self._values[name], entering[name])
            for node in self._nodes:
                if not lowering.is_absorbed(node):
                    _lower(lowering, node)
            leaving = {name: _leaving(lowering, self._values[name]) for name in self._outputs}
        except BaseException:
            for storage in lowering.constants:
                self._context.release(storage.buffer)
            raise
        return Schedule(
            self._context, lowering.launches, entering, leaving, lowering.constants, lowering.fault, self._kernels
        )

    def _forget(self) -> None:
        while self._schedules:
            self._schedules.popitem()[1].close()

    def close(self) -> None:
        """Release everything on the device; a second call does nothing."""
        with self._context.lock:
            self._forget()
            while self._weights:
                self._context.release(self._weights.popitem()[1].storage.buffer)


def _lower(lowering: Lowering, node: ir.Node) -> None:
    known = [lowering.host(value) for value in node.inputs]
    if all(array is not None or value is None for array, value in zip(known, node.inputs, strict=True)):
        for output, array in zip(node.outputs, evaluate(node, known), strict=True):
            lowering.define(output, array)
    else:
        try:
            OPERATORS[node.op_type].lower(lowering, node)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            raise DeviceError(f"node {node.name!r} cannot run on inputs of these shapes: {shortened(error)}") from error


def _leaving(lowering: Lowering, value: ir.Value) -> Tensor | NDArray[Any]:
    known = lowering.host(value)
    return lowering.tensor(value) if known is None else known


def host_values(nodes: Sequence[ir.Node]) -> set[str]:
    """Names of the values that must be known before launches can be made: shapes, and what they are computed from."""
    needed: set[str] = set()
    for node in reversed(nodes):
        if node.op_type in ("Shape", "Size"):
            continue
        wanted = any(value.name in needed for value in node.outputs)
        numbers = OPERATORS[node.op_type].host
        for number, value in enumerate(node.inputs):
            if value is not None and (wanted or number in numbers):
                needed.add(value.name or "")
    return needed


def _readers(nodes: Sequence[ir.Node], outputs: Sequence[str]) -> dict[str, list[ir.Node]]:
    """The nodes that read each value, each of them once; nothing of what leaves the region."""
    found: dict[str, list[ir.Node]] = {}
    for node in nodes:
        for name in {value.name or "" for value in node.inputs if value is not None} - set(outputs):
            found.setdefault(name, []).append(node)
    return found


def _constants(nodes: Sequence[ir.Node]) -> Arrays:
    """What nodes make of constants alone, such as dequantised weights: computed once, and by no kernel."""
    known: Arrays = {}
    for node in nodes:
        inputs = [None if value is None else _constant(value, known) for value in node.inputs]
        if inputs and all(found is not None or value is None for found, value in zip(inputs, node.inputs, strict=True)):
            known |= zip((value.name or "" for value in node.outputs), evaluate(node, inputs), strict=True)
    return known


def _constant(value: ir.Value, known: Arrays) -> NDArray[Any] | None:
    return known.get(value.name or "") if value.const_value is None else np.asarray(value.const_value.numpy())


def _weights(nodes: Sequence[ir.Node], known: Arrays) -> Arrays:
    """The constants that kernels read; single numbers reach them as arguments."""
    found: Arrays = {}
    for node in nodes:
        operator = OPERATORS[node.op_type]
        for number, value in enumerate(node.inputs):
            constant = None if value is None or number in (*operator.host, *operator.folds) else _constant(value, known)
            if value is not None and constant is not None and constant.size > 1 and constant.dtype in C_TYPES:
                found[value.name or ""] = constant
    return found
