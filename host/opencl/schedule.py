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


@dataclass(frozen=True)
class Launch:
    """The kernel `name` of the program `text` over `size` work-items in groups of `group`. Arguments are tensors or
    NumPy scalars."""

    text: str
    name: str
    arguments: tuple[Tensor | np.generic, ...]
    size: tuple[int, ...]
    group: tuple[int, ...] | None


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
        try:
            kept = [tensor.storage for tensor in (*inputs.values(), *outputs.values()) if isinstance(tensor, Tensor)]
            self._owned += place(context, launches, kept)
            made = self._shared.take(launches)
        except DeviceError:
            self.close()
            raise
        self._arguments = [tuple(map(_argument, launch.arguments)) for launch in launches]
        self.launches = [(kernel, launch.size, launch.group) for launch, kernel in zip(launches, made, strict=True)]

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers that are the schedule's own."""
        return sum(buffer.size for buffer in self._owned)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs for inputs of the shapes that the schedule was made for. Hold the context's lock."""
        queue, copy = self._context.queue, opencl().enqueue_copy
        results: Arrays = {}
        packed = {name: np.ascontiguousarray(inputs[name]) for name in self._inputs}
        try:
            for name, tensor in self._inputs.items():
                if tensor.size:
                    copy(queue, tensor.storage.buffer, packed[name], is_blocking=False)
            self.launch()
            for name, value in self._outputs.items():
                if isinstance(value, Tensor):
                    results[name] = np.empty(value.shape, value.dtype)
                    if value.size:
                        copy(queue, results[name], value.storage.buffer, is_blocking=False)
                else:
                    results[name] = value.copy()
            self._check_fault()
        finally:
            queue.finish()  # what was enqueued reads and writes arrays of this call
        return results

    def launch(self) -> None:
        """Enqueue every kernel."""
        if self._shared.holder is not self:
            self._bind()
        queue, enqueue = self._context.queue, opencl().enqueue_nd_range_kernel
        for kernel, size, group in self.launches:
            enqueue(queue, kernel, size, group)

    def _bind(self) -> None:
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
