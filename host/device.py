"""What a device is: it says which nodes it can run, what a region would cost, and turns a region into a program.

A device fits by shape (`typing.Protocol`): nothing needs to be inherited, so a simulated device is a device like any
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError
from weft.hls.design import Design
from weft.sim import Report, simulate

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Cost:
    """What running something once takes; costs add up with `+`."""

    seconds: float = 0.0
    bytes: int = 0
    energy_j: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.bytes + other.bytes, self.energy_j + other.energy_j)


@dataclass(frozen=True)
class Region:
    """Part of a network that one device runs. `inputs` and `outputs` are ONNX value names, `nodes` ONNX node names."""

    name: str
    device: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    model: ir.Model = field(repr=False, compare=False)
    reason: str = ""
    predicted_s: float = 0.0
    design: Design | None = field(default=None, repr=False, compare=False)  # FPGA regions only
    report: Report | None = field(default=None, repr=False, compare=False)  # FPGA regions only
    overlay: str = "overlay0"  # FPGA regions only: regions of one name share a bitstream


class Program(Protocol):
    """A region made ready on a device."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name for inputs by ONNX value name; the first axis is the batch."""
        ...

    def cycles(self, samples: int) -> int | None:
        """Clock cycles that `samples` samples take by the cycle model; None where there is no such model."""
        ...

    def bytes_moved(self, samples: int) -> int:
        """Bytes that cross the device's link for `samples` samples."""
        ...

    def close(self) -> None:
        """Release what the program holds; a second call does nothing."""
        ...


@runtime_checkable
class CopiesSeldom(Protocol):
    """A program that uses some arrays where they are; of any other, each input and output is copied once."""

    def copies(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """How many arrays a run with `inputs` copies, and how many bytes they have."""
        ...


class Device(Protocol):
    """Something that runs regions. Of a session, one call at a time reaches it (any number reach the CPU)."""

    name: str

    def supports(self, node: ir.Node) -> str:
        """An empty string if the device can run `node`, otherwise the reason why it cannot."""
        ...

    def estimate(self, region: Region) -> Cost:
        """What one inference of `region` is predicted to take here, its transfers apart."""
        ...

    def prepare(self, region: Region) -> Program:
        """Make `region` ready to run. Raises DeviceError or ToolError where the device cannot."""
        ...

    def close(self) -> None:
        """Release the device; a second call does nothing."""
        ...


def sharing(region: Region, regions: Iterable[Region]) -> tuple[Region, ...]:
    """The regions of one plan that share a bitstream with `region`, itself among them, in the order of their designs
    in it; only `region` where it has no design."""
    if region.design is None:
        return (region,)
    return tuple(
        each
        for each in regions
        if each.design is not None and (each.device, each.overlay) == (region.device, region.overlay)
    )


def number_in(region: Region, together: Sequence[Region]) -> int:
    """The number of a region's design in the bitstream that it shares with `together` (alone in it: 0)."""
    names = [each.name for each in together] or [region.name]
    return names.index(region.name)


def samples_in(inputs: Mapping[str, Any]) -> int:
    """The batch size of a set of inputs (1 where nothing has an axis)."""
    return next((int(value.shape[0]) for value in inputs.values() if getattr(value, "shape", ())), 1)


def design_report(region: Region, board: Board) -> Report:
    """The cycle model of a region's design: the plan's, or simulated now. Raises DeviceError where it has no design."""
    if region.report is not None:
        return region.report
    if region.design is None:
        raise DeviceError(f"region {region.name!r} was not lowered to an FPGA design")
    return simulate(region.design, board)
