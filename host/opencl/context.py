"""One OpenCL device with its context, its in-order queue, the programs built for it and the memory in use on it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import DeviceError, InputError
from weft.host.opencl.binaries import keep_binary, kept_binary
from weft.host.opencl.errors import opencl, opencl_errors, shortened
from weft.host.opencl.profile import profile_of

SMALLEST = 16  # bytes: OpenCL has no empty buffers, and kernels read vectors of 16 bytes at least
_EXACT = "-cl-fp32-correctly-rounded-divide-sqrt"  # OpenCL 1.2, section 5.6.4.2


class Context:
    """An OpenCL device made ready. `lock` is held while the queue is filled, as kernels keep their arguments."""

    def __init__(self, device: Any) -> None:
        cl = opencl()
        self.device = device
        self.lock = threading.RLock()
        self.is_cpu = bool(device.type & cl.device_type.CPU)
        self.units = int(device.max_compute_units)
        #: Whether float division is rounded as IEEE 754 says, which OpenCL leaves to the device.
        self.divides_exactly = bool(device.single_fp_config & cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT)
        self.shares_memory = bool(device.host_unified_memory)
        self.memory = int(device.global_mem_size)  # bytes, of which no more are ever asked for
        self.in_use = 0  # bytes
        self.profile = profile_of(self.identity, self.is_cpu)
        self._programs: dict[str, Any] = {}
        with opencl_errors(f"opening {device.name!r}"):
            self.context = cl.Context([device])
            self.queue = cl.CommandQueue(self.context, device)

    @property
    def identity(self) -> str:
        """What tells this device and its driver from any other."""
        return "\n".join(
            (self.device.platform.name, self.device.platform.version, self.device.name, self.device.driver_version)
        )

    def kernel(self, text: str, name: str) -> Any:
        """A kernel object of its own, with arguments of its own, of a program built once.

        Raises DeviceError with the build log where the text does not compile.
        """
        with self.lock:
            if text not in self._programs:
                self._programs[text] = self._built(text)
            with opencl_errors(f"making kernel {name}"):
                return opencl().Kernel(self._programs[text], name)

    def _built(self, text: str) -> Any:
        cl = opencl()
        options = [_EXACT] if self.divides_exactly else []
        identity = "\n".join((self.identity, cl.VERSION_TEXT, *options, text))
        binary = kept_binary(identity)
        if binary is not None:
            try:
                return _compiled(cl.Program(self.context, [self.device], [binary]), options)
            except cl.Error:
                pass  # of another build of the same driver version: compile again
        try:
            program = _compiled(cl.Program(self.context, text), options)
        except cl.Error as error:
            raise DeviceError(f"a kernel does not compile on {self.device.name!r}: {shortened(error)}") from error
        (made,) = program.get_info(cl.program_info.BINARIES)
        if made:
            keep_binary(identity, made)
        return program

    def require(self, sizes: Sequence[int]) -> None:
        """Raise DeviceError unless there is room for buffers of `sizes` bytes together, and for the largest alone."""
        free, most, total = self.memory - self.in_use, int(self.device.max_mem_alloc_size), sum(sizes)
        if total > free or max(sizes, default=0) > most:
            raise DeviceError(
                f"{self.device.name!r} is out of memory: {total:,} bytes are asked for in {len(sizes)} buffers of "
                f"{max(sizes):,} at most, and of its {self.memory:,} it has {free:,} free and gives {most:,} at once; "
                "give smaller batches, or plan less on it"
            )

    def buffer(self, size: int) -> Any:
        """A buffer of at least `size` bytes. Raises DeviceError where the device has no memory for it."""
        cl = opencl()
        size = max(size, SMALLEST)
        self.require([size])
        with opencl_errors(f"allocating {size:,} bytes"):
            made = cl.Buffer(self.context, cl.mem_flags.READ_WRITE, size)
        self.in_use += size
        return made

    def borrowed(self, array: NDArray[Any], *, written: bool) -> Any:
        """A buffer that is the memory of `array` and none of the device's: release it with its own method."""
        flags = opencl().mem_flags
        access = flags.READ_WRITE if written else flags.READ_ONLY
        return opencl().Buffer(self.context, access | flags.USE_HOST_PTR, hostbuf=array)

    def release(self, buffer: Any) -> None:
        """Give a buffer back."""
        self.in_use -= buffer.size
        buffer.release()

    def upload(self, values: NDArray[Any]) -> Any:
        """A buffer that holds `values`, once this returns."""
        packed = np.ascontiguousarray(values)
        made = self.buffer(packed.nbytes)
        if packed.nbytes:
            with opencl_errors(f"uploading {packed.nbytes:,} bytes"):
                opencl().enqueue_copy(self.queue, made, packed)
        return made


def _compiled(program: Any, options: list[str]) -> Any:
    """Built without pyopencl's own cache, and without a word about a compiler's remarks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", opencl().CompilerWarning)
        return program.build(options, cache_dir=False)


@cache
def open_context(place: str) -> Context:
    """The context of the device called `place`: one in this process, shared by its sessions."""
    found = list_devices()
    if place and (not place.isdecimal() or int(place) >= len(found)):
        raise InputError(f"OpenCL device {place!r} does not exist: `weft doctor` lists {len(found)}, counted from 0")
    if not found:
        raise DeviceError("no OpenCL device was found: install its driver, or pip install 'weft[opencl]' for PoCL's")
    if place:
        return Context(found[int(place)])
    cl = opencl()
    return Context(next((device for device in found if device.type & cl.device_type.GPU), found[0]))


def list_devices() -> list[Any]:
    """Every OpenCL device of this machine, in the order of its platforms."""
    cl = opencl()
    try:
        platforms = cl.get_platforms()
    except cl.Error:  # the loader found no driver
        return []
    devices = []
    for platform in platforms:
        try:
            devices += platform.get_devices()
        except cl.Error:  # a platform without devices
            continue
    return devices
