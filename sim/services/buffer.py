"""PYNQ.remote's `buffer.RemoteBuffer`: contiguous memory, written and read in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from weft.boards.errors import DeviceError
from weft.sim.machine import Machine
from weft.sim.services.limits import CHUNK


class Buffers:
    """The methods have the names of the remote procedures; each returns the fields of its reply."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._memory = machine.memory

    def allocate(self, request: Any) -> dict[str, Any]:
        """Allocate `size` bytes."""
        if self._machine.faults.strikes("memory_exhausted"):
            raise self._memory.exhausted(request.size)
        return {"buffer_id": self._memory.allocate(request.size)}

    def write(self, requests: Iterable[Any]) -> dict[str, Any]:
        """Write pieces one after the other; a piece that states where it starts goes there."""
        position = 0
        for request in requests:
            with self._machine.lock:
                data = self._memory.buffer(request.buffer_id).data
                start = request.start if request.start or request.end else position
                position = start + len(request.data)
                if start < 0 or position > data.size or request.end not in (0, position):
                    raise DeviceError(
                        f"{len(request.data):,} bytes at {start:,} do not fit a buffer of {data.size:,} bytes, or the "
                        f"stated end {request.end:,}"
                    )
                data[start:position] = memoryview(request.data)
        return {}

    def read(self, request: Any) -> Iterator[dict[str, Any]]:
        """The bytes from `start` to `end` (0: to the buffer's end), in pieces."""
        data = self._memory.buffer(request.buffer_id).data
        end = request.end or data.size
        if not 0 <= request.start <= end <= data.size:
            raise DeviceError(f"bytes {request.start:,} to {end:,} are not in a buffer of {data.size:,} bytes")
        for start in range(request.start, end, CHUNK):
            yield {"data": data[start : min(start + CHUNK, end)].tobytes()}

    def freebuffer(self, request: Any) -> dict[str, Any]:
        """Free a buffer."""
        self._memory.free(request.buffer_id)
        return {}

    def flush(self, request: Any) -> dict[str, Any]:
        """Caches to memory: the simulated board has no caches, so only the buffer is checked."""
        self._memory.buffer(request.buffer_id)
        return {}

    def invalidate(self, request: Any) -> dict[str, Any]:
        """Memory to caches, as `flush`."""
        return self.flush(request)

    def physical_address(self, request: Any) -> dict[str, Any]:
        """Where the fabric finds the buffer."""
        return {"address": self._memory.buffer(request.buffer_id).address}

    def virtual_address(self, request: Any) -> dict[str, Any]:
        """The same: the simulated board has one address space."""
        return self.physical_address(request)

    def cacheable(self, request: Any) -> dict[str, Any]:
        """Whether the processor's caches hold the buffer: there are none."""
        self._memory.buffer(request.buffer_id)
        return {"cacheable": False}
