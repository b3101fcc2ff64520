"""From the nodes of a region, for one set of input shapes, to kernel launches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.host.opencl.context import Context
from weft.host.opencl.expression import LARGEST, Expression, Operand, Scalar, generate, operators
from weft.host.opencl.schedule import Launch
from weft.host.opencl.tensor import Storage, Tensor

Value = Tensor | Expression | NDArray[Any]
FLOAT = np.dtype(np.float32)
# Work-items of a group along the axis that lies together. They are few, as PoCL compiles a kernel for each anew.
_WIDTHS = (16, 64, 256)
LARGEST_INDEX = 2**31 - 1  # kernels count elements in int


class Lowering:
    """Launches as they are collected. Operators read values with `tensor`, `operand` and `host`, and say what theirs
    are with `define`."""

    def __init__(
        self,
        context: Context,
        weights: dict[str, Tensor],
        readers: Mapping[str, Sequence[ir.Node]],
        known: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """`weights` are on the device already, for every schedule of a region. `readers` are the nodes that read each
        value, for those that nothing outside the region reads: a value with one reader needs no memory if it is
        computed together with that. `known` are values that are known from the start."""
        self.context = context
        self.launches: list[Launch] = []
        self.constants: list[Storage] = []
        self.fault: Storage | None = None
        self._weights, self._readers = weights, readers
        self._known = known or {}
        self._values: dict[str, Value] = dict(self._known)
        self._uploaded: dict[str, Tensor] = {}
        self._absorbed: set[ir.Node] = set()

    # ------------------------------------------------------------- values

    def define(self, value: ir.Value, made: Value) -> None:
        """Say what a node's output is."""
        self._values[value.name or ""] = made

    def host(self, value: ir.Value | None) -> NDArray[Any] | None:
        """The contents of a value that is known before anything runs, or None."""
        if value is None:
            return None
        if value.const_value is not None:
            return value.const_value.numpy()
        found = self._values.get(value.name or "")
        return found if isinstance(found, np.ndarray) else None

    def shape(self, value: ir.Value) -> tuple[int, ...]:
        """The shape of a value."""
        known = self.host(value)
        return known.shape if known is not None else self._found(value).shape

    def only_reader(self, value: ir.Value) -> ir.Node | None:
        """The one node that reads a value, if there is just one and the value stays inside the region."""
        readers = self._readers.get(value.name or "", ())
        return readers[0] if len(readers) == 1 else None

    def absorb(self, node: ir.Node) -> None:
        """Say that a later node is computed together with an earlier one."""
        self._absorbed.add(node)

    def is_absorbed(self, node: ir.Node) -> bool:
        """Whether an earlier node's launch computes this one."""
        return node in self._absorbed

    def is_known(self, value: ir.Value) -> bool:
        """Whether a value is a constant or has been computed by the nodes so far."""
        return value.const_value is not None or (value.name or "") in self._values

    def operand(self, value: ir.Value) -> Operand:
        """A value as an operand of elementwise arithmetic: a number where it is one, not yet computed where its one
        reader is who asks."""
        known = self.host(value)
        if known is not None and known.size == 1 and known.ndim <= 1:
            return Scalar(known.reshape(())[()])
        found = self._found(value) if known is None else known
        if isinstance(found, Expression) and self.only_reader(value) and len(operators(found)) < LARGEST:
            return found
        return self.tensor(value)

    def tensor(self, value: ir.Value) -> Tensor:
        """A value on the device, computed there first if it has only been noted down."""
        name = value.name or ""
        if name in self._weights:
            return self._weights[name]
        found = self._found(value)
        if isinstance(found, np.ndarray) and (value.const_value is not None or name in self._known):
            return self.resident(name, partial(np.asarray, found))
        if isinstance(found, np.ndarray):  # stays known on the host, where a later node may want it
            if name not in self._uploaded:
                self._uploaded[name] = self.constant(found)
            return self._uploaded[name]
        made = found if isinstance(found, Tensor) else self.computed(found)
        self._values[name] = made
        return made

    def computed(self, found: Expression | NDArray[Any]) -> Tensor:
        """What was noted down, or an array of the host, on the device."""
        if isinstance(found, np.ndarray):
            return self.constant(found)
        kernel = generate(found, vectors=self.context.is_cpu)
        result = self.allocate(found.shape, found.dtype)
        self.launch_elements(kernel.text, "elementwise", (result, *kernel.arguments), kernel.inner, kernel.outer)
        return result

    def _found(self, value: ir.Value) -> Value:
        name = value.name or ""
        if name not in self._values and value.const_value is not None:
            self._values[name] = value.const_value.numpy()
        return self._values[name]

    # ------------------------------------------------------------- memory and launches

    def allocate(self, shape: Sequence[int], dtype: np.dtype[Any] = FLOAT) -> Tensor:
        """A tensor that some launch will fill."""
        if prod(shape) > LARGEST_INDEX:
            raise DeviceError(
                f"shape {tuple(shape)} has more than {LARGEST_INDEX:,} elements, which kernels cannot count: "
                "give smaller batches"
            )
        return Tensor(tuple(shape), dtype, Storage(prod(shape) * dtype.itemsize))

    def constant(self, values: NDArray[Any]) -> Tensor:
        """An array of the host, uploaded for this schedule."""
        storage = Storage(values.nbytes, self.context.upload(values))
        self.constants.append(storage)
        return Tensor(values.shape, values.dtype, storage)

    def resident(self, name: str, values: Callable[[], NDArray[Any]]) -> Tensor:
        """What is made of a weight, uploaded once for all schedules of the region under a `name` of its own."""
        if name not in self._weights:
            made = values()
            self._weights[name] = Tensor(made.shape, made.dtype, Storage(made.nbytes, self.context.upload(made)))
        return self._weights[name]

    def launch(
        self,
        text: str,
        name: str,
        arguments: Iterable[Tensor | np.generic | int | float],
        size: tuple[int, ...],
        group: tuple[int, ...] | None = None,
    ) -> None:
        """Add a launch; integers reach the kernel as int, floats as float. Nothing happens for no work-items."""
        if not all(size):
            return
        typed = tuple(_typed(argument) for argument in arguments)
        self.launches.append(Launch(text, name, typed, size, group))

    def launch_elements(
        self, text: str, name: str, arguments: Iterable[Tensor | np.generic | int | float], inner: int, *outer: int
    ) -> None:
        """Add a launch with a work-item for each element: `inner` along the axis that lies together, and as many again
        for each of `outer`. The kernel leaves out work-items beyond `inner`."""
        width = next(width for width in _WIDTHS if width >= inner or width == _WIDTHS[-1])
        self.launch(text, name, arguments, (-(-inner // width) * width, *outer), (width, *(1 for _ in outer)))

    def fault_flag(self) -> Tensor:
        """The int that a kernel sets to 1 where an index is out of range."""
        if self.fault is None:
            made = self.constant(np.zeros(1, np.int32))
            self.fault = made.storage
        return Tensor((1,), np.dtype(np.int32), self.fault)


def _typed(argument: Tensor | np.generic | int | float) -> Tensor | np.generic:
    if isinstance(argument, Tensor | np.generic):
        return argument
    return np.int32(argument) if isinstance(argument, int) else np.float32(argument)
