"""A region for one set of input shapes: launches in order, and which buffer each tensor has while it lives.

The queue is in order, so a buffer is free for others as soon as the last launch that reads it is enqueued: nothing
waits for the device before the outputs are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.host.device import Arrays
from weft.host.opencl.context import SMALLEST, Context
from weft.host.opencl.errors import opencl
from weft.host.opencl.tensor import Storage, Tensor

# Bytes from which on an array is used where it is: making and mapping a buffer takes PyOpenCL and PoCL as long as
# copying 64 KiB; of 4 MiB it saves 0.35 of 0.57 ms (2 cores of an x86-64 virtual machine, 2026-11-24).
WORTH_SHARING = 64 << 10


@dataclass(frozen=True)
class Launch:
    """The kernel `name` of the program `text` over `size` work-items in groups of `group`. Arguments are tensors or
    NumPy scalars."""

    text: str
    name: str
    arguments: tuple[Tensor | np.generic, ...]
    size: tuple[int, ...]
    group: tuple[int, ...] | None


@dataclass(frozen=True)
class _Lent:
    """An array whose memory stands in for a storage's buffer during a run; `written` is the array if it is a result."""

    storage: Storage
    buffer: Any
    written: NDArray[Any] | None


class Kernels:
    """Kernel objects that the schedules of a region share, as making one takes PyOpenCL half a millisecond. They keep
    their arguments, which are those of `holder`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: dict[tuple[str, str], list[Any]] = {}
        self.holder: Schedule | None = None

    def take(self, launches: Sequence[Launch]) -> list[Any]:
        """A kernel for each launch, a different one for each of the same program."""
        used: Counter[tuple[str, str]] = Counter()
        taken = []
        for launch in launches:
            key = launch.text, launch.name
            made = self._made.setdefault(key, [])
            if used[key] == len(made):
                made.append(self._context.kernel(*key))
            taken.append(made[used[key]])
            used[key] += 1
        return taken


class Schedule:
    """Launches bound to buffers."""

    def __init__(
        self,
        context: Context,
        launches: Sequence[Launch],
        inputs: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor | NDArray[Any]],
        constants: Sequence[Storage],
        fault: Storage | None,
        kernels: Kernels | None = None,
    ) -> None:
        """`kernels` are shared with other schedules; without them the schedule has its own. `constants` are released
        with the schedule; `fault`, where given, is an int that kernels set to 1 where an index is out of range."""
        self._context, self._inputs, self._outputs, self._fault = context, inputs, outputs, fault
        self._owned = [storage.buffer for storage in constants]
        self._shared = kernels or Kernels(context)
        ends = [
            *(tensor.storage for tensor in inputs.values()),
            *(each.storage for each in outputs.values() if isinstance(each, Tensor) and each.storage.buffer is None),
        ]
        try:
            kept = [tensor.storage for tensor in (*inputs.values(), *outputs.values()) if isinstance(tensor, Tensor)]
            self._owned += place(context, launches, kept)
            made = self._shared.take(launches)
        except DeviceError:
            self.close()
            raise
        self._ends = _places(launches, made, [storage for storage in ends if ends.count(storage) == 1])
        self._arguments = [tuple(map(_argument, launch.arguments)) for launch in launches]
        self.launches = [(kernel, launch.size, launch.group) for launch, kernel in zip(launches, made, strict=True)]

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers that are the schedule's own."""
        return sum(buffer.size for buffer in self._owned)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs for inputs of the shapes that the schedule was made for. Hold the context's lock."""
        queue, copy = self._context.queue, opencl().enqueue_copy
        packed = {name: np.ascontiguousarray(inputs[name]) for name in self._inputs}
        results = {
            name: np.empty(value.shape, value.dtype) if isinstance(value, Tensor) else value.copy()
            for name, value in self._outputs.items()
        }
        written = {name: value for name, value in self._outputs.items() if isinstance(value, Tensor) and value.size}
        lent: list[_Lent] = []
        try:
            self._bind()
            for name, tensor in self._inputs.items():
                if self._is_in_place(tensor, packed[name]):
                    self._lend(tensor, packed[name], lent)
                elif tensor.size:
                    copy(queue, tensor.storage.buffer, packed[name], is_blocking=False)
            for name, tensor in written.items():
                if self._is_in_place(tensor, results[name]):
                    self._lend(tensor, results[name], lent, written=True)
            self.launch()
            for name, tensor in written.items():
                if not self._is_in_place(tensor, results[name]):
                    copy(queue, results[name], tensor.storage.buffer, is_blocking=False)
            self._check_fault()
        finally:
            queue.finish()  # what was enqueued reads and writes arrays of this call
            self._take_back(lent)
        return results

    def copies(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """How many inputs and outputs a run copies, and how many bytes they have."""
        sizes = [
            inputs[name].nbytes for name, tensor in self._inputs.items() if not self._is_in_place(tensor, inputs[name])
        ]
        for value in self._outputs.values():
            if not isinstance(value, Tensor):
                sizes.append(value.nbytes)
            elif not self._is_shared(value):
                sizes.append(value.storage.nbytes)
        return len(sizes), sum(sizes)

    def _is_in_place(self, tensor: Tensor, array: NDArray[Any]) -> bool:
        """Whether kernels use the memory of `array` itself for an input or output."""
        return self._is_shared(tensor) and bool(array.flags.c_contiguous and array.flags.aligned)

    def _is_shared(self, tensor: Tensor) -> bool:
        large = tensor.storage.nbytes >= WORTH_SHARING and id(tensor.storage) in self._ends
        return large and self._context.shares_memory

    def _lend(self, tensor: Tensor, array: NDArray[Any], lent: list[_Lent], *, written: bool = False) -> None:
        """Have kernels use the memory of `array` in place of the tensor's buffer."""
        buffer = self._context.borrowed(array, written=written)
        lent.append(_Lent(tensor.storage, buffer, array if written else None))
        for kernel, number in self._ends[id(tensor.storage)]:
            kernel.set_arg(number, buffer)

    def _take_back(self, lent: Sequence[_Lent]) -> None:
        """Have kernels use the schedule's own buffers again, and the host see what they wrote (OpenCL 1.2, 5.4.3)."""
        queue = self._context.queue
        for each in lent:
            if each.written is not None:
                flags, array = opencl().map_flags.READ, each.written
                mapped, _ = opencl().enqueue_map_buffer(queue, each.buffer, flags, 0, array.shape, array.dtype)
                mapped.base.release(queue)
            for kernel, number in self._ends[id(each.storage)]:
                kernel.set_arg(number, each.storage.buffer)
        if lent:
            queue.finish()
        for each in lent:
            each.buffer.release()

    def launch(self) -> None:
        """Enqueue every kernel."""
        self._bind()
        queue, enqueue = self._context.queue, opencl().enqueue_nd_range_kernel
        for kernel, size, group in self.launches:
            enqueue(queue, kernel, size, group)

    def _bind(self) -> None:
        """Give the kernels the arguments of this schedule, unless they have them."""
        if self._shared.holder is self:
            return
        self._shared.holder = None
        for (kernel, _, _), arguments in zip(self.launches, self._arguments, strict=True):
            kernel.set_args(*arguments)
        self._shared.holder = self

    def _check_fault(self) -> None:
        if self._fault is None:
            return
        flag = np.zeros(1, np.int32)
        opencl().enqueue_copy(self._context.queue, flag, self._fault.buffer)
        if flag[0]:
            opencl().enqueue_copy(self._context.queue, self._fault.buffer, np.zeros(1, np.int32))
            raise DeviceError("an index or a sequence length is out of range: check the region's inputs")

    def close(self) -> None:
        """Release the buffers; a second call does nothing."""
        if self._shared.holder is self:
            self._shared.holder = None
        owned, self._owned = self._owned, []
        for buffer in owned:
            self._context.release(buffer)


def _places(
    launches: Sequence[Launch], kernels: Sequence[Any], storages: Sequence[Storage]
) -> dict[int, list[tuple[Any, int]]]:
    """The kernels that take each storage, by its id, and the numbers of the arguments that it is."""
    found: dict[int, list[tuple[Any, int]]] = {id(storage): [] for storage in storages}
    for launch, kernel in zip(launches, kernels, strict=True):
        for number, argument in enumerate(launch.arguments):
            if isinstance(argument, Tensor) and id(argument.storage) in found:
                found[id(argument.storage)].append((kernel, number))
    return found


def place(context: Context, launches: Sequence[Launch], kept: Sequence[Storage]) -> list[Any]:
    """Give every storage a buffer, the same one to storages that do not live at the same time; all buffers come back.
    Raises DeviceError before any is made where the device has no room for all of them.

    `kept` storages live throughout: inputs are written before the first launch, outputs read after the last.
    """
    sizes, shared = assigned(launches, kept)
    context.require(sizes)
    made: list[Any] = []
    try:
        made.extend(context.buffer(size) for size in sizes)
    except DeviceError:
        for buffer in made:
            context.release(buffer)
        raise
    for storage, number in shared:
        storage.buffer = made[number]
    return made


def assigned(launches: Sequence[Launch], kept: Sequence[Storage]) -> tuple[list[int], list[tuple[Storage, int]]]:
    """Sizes in bytes of the buffers that launches need, and which of them each storage without one gets."""
    last = {id(storage): number for number, launch in enumerate(launches) for storage in _storages(launch)}
    last |= {id(storage): len(launches) for storage in kept}
    sizes: list[int] = []
    free: list[int] = []
    dying: dict[int, list[int]] = {}
    given: dict[int, tuple[Storage, int]] = {}

    def give(storage: Storage) -> None:
        size = max(storage.nbytes, SMALLEST)
        fitting = [number for number in free if sizes[number] >= size]
        if fitting:
            chosen = min(fitting, key=sizes.__getitem__)
            free.remove(chosen)
        else:
            chosen = len(sizes)
            sizes.append(size)
        given[id(storage)] = storage, chosen
        dying.setdefault(last[id(storage)], []).append(chosen)

    for storage in kept:
        if storage.buffer is None and id(storage) not in given:
            give(storage)
    for number, launch in enumerate(launches):
        for storage in _storages(launch):
            if storage.buffer is None and id(storage) not in given:
                give(storage)
        free += dying.get(number, ())
    return sizes, list(given.values())


def _storages(launch: Launch) -> list[Storage]:
    return [argument.storage for argument in launch.arguments if isinstance(argument, Tensor)]


def _argument(argument: Tensor | np.generic) -> Any:
    return argument.storage.buffer if isinstance(argument, Tensor) else argument
