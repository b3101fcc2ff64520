"""Any OpenCL device: a GPU, or a processor through PoCL. `opencl` is the first GPU, or else the first device;
`opencl@1` is the second that `weft doctor` lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError, InputError
from weft.host.device import Arrays, Cost, Region
from weft.host.opencl.context import Context, open_context
from weft.host.opencl.operators import FREE, refusal
from weft.host.opencl.profile import Profile
from weft.host.opencl.region import RegionCode
from weft.host.work import operations, sample_bytes


class OpenClDevice:
    """One OpenCL device. Its driver is opened when the first region is prepared."""

    def __init__(self, name: str = "opencl") -> None:
        self.name = name
        self._context: Context | None = None
        self._programs: list[OpenClProgram] = []

    def supports(self, node: ir.Node) -> str:
        """An empty string if there is a kernel for the node, otherwise the reason why it stays elsewhere."""
        return refusal(node)

    def estimate(self, region: Region) -> Cost:
        """One inference of one sample: a run's own time, and for each node a launch and the slower of arithmetic, at
        the rate of matrix products or convolutions, and memory. What is known before a launch or only changes a shape
        is free, and a region of nothing else is."""
        profile = self._opened().profile
        seconds = sum(_seconds(node, profile) for node in _nodes(region))
        return Cost(seconds=seconds + profile.run_s if seconds else 0.0)

    @property
    def memory_bytes(self) -> int:
        """The device's global memory, for plans."""
        return self._opened().memory

    @property
    def link_bytes_per_s(self) -> float:
        """The rate of copies from and to the host's memory, for plans."""
        return self._opened().profile.link_bytes_per_s

    def prepare(self, region: Region) -> OpenClProgram:
        """Upload the region's weights. Raises DeviceError where the device or its memory cannot be had."""
        program = OpenClProgram(region, self._opened())
        self._programs.append(program)
        return program

    def _opened(self) -> Context:
        if self._context is None:
            self._context = open_context(self.name.partition("@")[2])
        return self._context

    def close(self) -> None:
        """Release the memory of every region; a second call does nothing."""
        while self._programs:
            self._programs.pop().close()


class OpenClProgram:
    """A region on an OpenCL device."""

    def __init__(self, region: Region, context: Context) -> None:
        nodes = _nodes(region)
        for node in nodes:
            if reason := refusal(node):
                raise DeviceError(
                    f"node {node.name!r} of region {region.name!r} cannot run on {region.device}: {reason}"
                )
        self._name = region.name
        self._sample_bytes = _link_bytes(region, nodes)
        self._code: RegionCode | None = RegionCode(context, nodes, region.inputs, region.outputs)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name. Launches for new shapes are made when they are first met."""
        if self._code is None:
            raise DeviceError(f"region {self._name!r} was closed; make a new session")
        try:
            return self._code.run(inputs)
        except DeviceError as error:
            raise DeviceError(f"region {self._name!r}: {error}") from error

    def copies(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """How many inputs and outputs a run with `inputs` copies, and how many bytes they have: none of the large ones
        where the device shares the host's memory."""
        return (0, 0) if self._code is None else self._code.copies(inputs)

    def cycles(self, samples: int) -> int | None:
        """There is no cycle model of an OpenCL device."""
        return None

    def bytes_moved(self, samples: int) -> int:
        """Bytes of inputs and outputs, which cross the device's link; symbolic axes beside the batch count as 1."""
        return samples * self._sample_bytes

    def close(self) -> None:
        """Release the region's memory on the device."""
        code, self._code = self._code, None
        if code is not None:
            code.close()


def _nodes(region: Region) -> list[ir.Node]:
    """The region's nodes, in the order in which they can run."""
    names = set(region.nodes)
    return [node for node in region.model.graph if node.name in names]


def _seconds(node: ir.Node, profile: Profile) -> float:
    if node.op_type in FREE or all(value is None or value.const_value is not None for value in node.inputs):
        return 0.0
    rate = profile.convolution_flops_per_s if node.op_type in _CONVOLUTIONS else profile.flops_per_s
    values = [value for value in (*node.inputs, *node.outputs) if value is not None]
    memory = sum(sample_bytes(value) for value in values) / profile.bytes_per_s
    return max(operations(node) / rate, memory) + profile.launch_s


_CONVOLUTIONS = ("Conv", "ConvInteger", "QLinearConv")


def _link_bytes(region: Region, nodes: list[ir.Node]) -> int:
    ends = {*region.inputs, *region.outputs}
    values = {value for node in nodes for value in (*node.inputs, *node.outputs) if value and value.name in ends}
    return sum(sample_bytes(value) for value in values)


def open_device(name: str, board: Board, threads: int | None) -> OpenClDevice:
    """The device that `opencl` or `opencl@NUMBER` names; `threads` are the CPU's."""
    return OpenClDevice(name)


def check_place(name: str) -> None:
    """Raise InputError unless a number follows the `@`."""
    place = name.partition("@")[2]
    if not place.isdecimal():
        raise InputError(f"device {name!r} does not exist: write opencl@0 for the first that `weft doctor` lists")
