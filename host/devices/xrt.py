"""An Alveo card: a region as a kernel of an xclbin, driven through PyOpenCL on Xilinx's platform (XRT).

`xrt@emulation` is the same host code on any OpenCL device (PoCL): buffers, queue and arguments are real, and the
region's design takes the kernel's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError, InputError, ToolError
from weft.hls.alveo import kernel_name
from weft.hls.design import Design, Io, Tensor
from weft.hls.lower import supports
from weft.host.device import Arrays, Cost, Region, design_report, number_in
from weft.host.streams import ends, pack, stream_bytes, unpack
from weft.sim import Report

_PLATFORM = "Xilinx"
_LARGEST_XCLBIN = 1 << 28  # bytes; the largest cards' are of about 100 MB


class XrtDevice:
    """One card with one xclbin at a time. Nothing is opened before the first region is prepared."""

    def __init__(self, name: str, board: Board, io: Io = "io_stream") -> None:
        if board.family != "alveo":
            raise InputError(f"board {board.name} is no Alveo card, which device {name} drives: use fpga")
        self.name = name
        self._board = board
        self._io: Io = io

    def supports(self, node: ir.Node) -> str:
        """An empty string if the node can become hls4ml firmware, otherwise the reason."""
        return supports(node, self._io)

    def estimate(self, region: Region) -> Cost:
        """Time and energy of one inference by the cycle model."""
        report = design_report(region, self._board)
        return Cost(seconds=report.latency_us * 1e-6, energy_j=report.energy_uj * 1e-6)

    def prepare(self, region: Region, bitstream: Path | None = None, together: Sequence[Region] = ()) -> XrtProgram:
        """Put the region's kernel on the card: `bitstream` is the xclbin that `weft build` made.

        `together` are the regions that share it, `region` among them, in the order of their kernels in it; by default
        it is `region`'s alone. Raises DeviceError where there is no card, no xclbin, or where the card refuses it;
        ToolError without PyOpenCL.
        """
        if region.design is None:
            raise DeviceError(f"region {region.name!r} was not lowered to an FPGA design")
        name = kernel_name(number_in(region, together))
        cl = _opencl()
        emulated = self.name == "xrt@emulation"
        try:
            context = cl.Context([_device(cl, "" if emulated else _PLATFORM)])
            kernel = _Emulated(cl, context, name, region.design) if emulated else _Card(cl, context, name, bitstream)
            return XrtProgram(cl, context, kernel, region, design_report(region, self._board))
        except cl.Error as error:
            raise DeviceError(f"device {self.name} refused the kernel of region {region.name!r}: {error}") from error

    def close(self) -> None:
        """Nothing outlives the programs."""


class _Kernel(Protocol):
    """Something that reads and writes buffers in the order of a queue."""

    def launch(self, queue: Any, buffers: list[Any], samples: int) -> None:
        """Enqueue one run over `samples` samples."""
        ...


class _Card:
    """A kernel of an xclbin, by its name."""

    def __init__(self, cl: Any, context: Any, name: str, xclbin: Path | None) -> None:
        if xclbin is None or xclbin.suffix != ".xclbin":
            raise DeviceError(
                "a card needs an xclbin: run `weft build` where v++ and the card's platform are installed"
            )
        if xclbin.stat().st_size > _LARGEST_XCLBIN:
            raise DeviceError(f"{str(xclbin)!r} is larger than any card's xclbin: build it again")
        program = cl.Program(context, context.devices, [xclbin.read_bytes()]).build()
        self._kernel = cl.Kernel(program, name)

    def launch(self, queue: Any, buffers: list[Any], samples: int) -> None:
        self._kernel.set_args(*buffers, np.uint32(samples))
        _enqueue(self._kernel, queue)


class _Emulated:
    """A kernel of the same arguments that does nothing, and the design, which computes where it would have."""

    def __init__(self, cl: Any, context: Any, name: str, design: Design) -> None:
        self._cl, self._design = cl, design
        count = len(design.inputs) + len(design.outputs)
        buffers = ", ".join(f"__global char *stream{i}" for i in range(count))
        text = f"__kernel void {name}({buffers}, uint samples) {{}}"
        self._kernel = cl.Kernel(cl.Program(context, text).build(), name)

    def launch(self, queue: Any, buffers: list[Any], samples: int) -> None:
        self._kernel.set_args(*buffers, np.uint32(samples))
        _enqueue(self._kernel, queue)
        sources, targets = ends(self._design)
        inputs = []
        for buffer, tensor in zip(buffers, sources, strict=False):
            array = self._mapped(queue, buffer, tensor, samples, "READ")
            inputs.append(array.astype(np.int64))
            array.base.release(queue)
        results = self._design.run(inputs)
        outputs = results if isinstance(results, list) else [results]
        for buffer, tensor, values in zip(buffers[len(sources) :], targets, outputs, strict=True):
            array = self._mapped(queue, buffer, tensor, samples, "WRITE")
            array[...] = values
            array.base.release(queue)

    def _mapped(self, queue: Any, buffer: Any, tensor: Tensor, samples: int, flag: str) -> Any:
        flags = getattr(self._cl.map_flags, flag)
        shape = (samples, *tensor.shape)
        array, _ = self._cl.enqueue_map_buffer(queue, buffer, flags, 0, shape, tensor.type.storage)
        return array


class XrtProgram:
    """A region's kernel, its queue, and its buffers, which grow to the largest batch that was seen."""

    def __init__(self, cl: Any, context: Any, kernel: _Kernel, region: Region, report: Report) -> None:
        assert region.design is not None
        self._cl, self._context, self._kernel, self._report = cl, context, kernel, report
        self._region, self._design = region, region.design
        self._queue: Any = cl.CommandQueue(context)
        self._buffers: list[Any] = []
        self._room = 0

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name, float32, for floating-point inputs."""
        if self._queue is None:
            raise DeviceError(f"region {self._region.name!r} was closed; make a new session")
        sources, targets = ends(self._design)
        packed = [pack(inputs[tensor.onnx_name], tensor) for tensor in sources]
        results = [np.empty((len(packed[0]), *tensor.shape), tensor.type.storage) for tensor in targets]
        if len(packed[0]):
            try:
                self._transfer(packed, results)
            except self._cl.Error as error:
                raise DeviceError(f"the card failed in region {self._region.name!r}: {error}") from error
        return {tensor.onnx_name: unpack(raw, tensor) for tensor, raw in zip(targets, results, strict=True)}

    def _transfer(self, packed: list[NDArray[Any]], results: list[NDArray[Any]]) -> None:
        """In, run, out, by one in-order queue; the last copy is waited for."""
        samples = len(packed[0])
        self._make_room(samples)
        for buffer, array in zip(self._buffers, packed, strict=False):
            self._cl.enqueue_copy(self._queue, buffer, array, is_blocking=False)
        self._kernel.launch(self._queue, self._buffers, samples)
        for buffer, array in zip(self._buffers[len(packed) :], results, strict=True):
            self._cl.enqueue_copy(self._queue, array, buffer, is_blocking=False)
        self._queue.finish()

    def _make_room(self, samples: int) -> None:
        if samples <= self._room:
            return
        flags = self._cl.mem_flags
        sources, targets = ends(self._design)
        modes = [flags.READ_ONLY] * len(sources) + [flags.WRITE_ONLY] * len(targets)
        sizes = [samples * tensor.stream_bytes for tensor in (*sources, *targets)]
        self._buffers = [self._cl.Buffer(self._context, mode, size) for mode, size in zip(modes, sizes, strict=True)]
        self._room = samples

    def cycles(self, samples: int) -> int:
        """The first sample takes the latency, each further one the interval."""
        return self._report.cycles(samples)

    def bytes_moved(self, samples: int) -> int:
        """Bytes over PCIe, both ways."""
        return stream_bytes(self._design, samples)

    def close(self) -> None:
        """Release queue and buffers; a second call does nothing."""
        self._queue, self._buffers, self._room = None, [], 0


def _opencl() -> Any:
    try:
        import pyopencl
    except ImportError:
        raise ToolError("device xrt needs PyOpenCL: pip install 'weft[opencl]'") from None
    return pyopencl


def _device(cl: Any, platform: str) -> Any:
    """The first device of the platform whose name holds `platform`."""
    found = [each for each in cl.get_platforms() if platform in each.name]
    if not found:
        raise DeviceError(f"there is no OpenCL platform of {platform}: install XRT, or try xrt@emulation")
    return found[0].get_devices()[0]


def _enqueue(kernel: Any, queue: Any) -> None:
    """A kernel of Vitis HLS is one work-item."""
    import pyopencl

    pyopencl.enqueue_nd_range_kernel(queue, kernel, (1,), (1,))


def open_device(name: str, board: Board, threads: int | None) -> XrtDevice:
    """The device that `xrt` names; `threads` are the CPU's."""
    return XrtDevice(name, board)


def check_place(name: str) -> None:
    """Raise InputError unless `emulation` follows the `@`."""
    if name.partition("@")[2] != "emulation":
        raise InputError(f"device {name!r} does not exist: use xrt or xrt@emulation")
