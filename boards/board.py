"""What a machine is: its fabric, clocks, memory, link, processor and power, as frozen dataclasses.

One TOML file per board fills a `Board`; weft.boards.loading reads and checks it against the types and ranges below.
Every figure carries its unit in its name, and `Clock` is the one place where a frequency becomes a period.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

from weft.boards.resources import Resources


class Range(NamedTuple):
    """The closed range that a figure must lie in: wide enough for any board, so that a slip of unit falls outside."""

    low: float
    high: float


class Pattern(NamedTuple):
    """The regular expression that a text must match whole, and what that means in words."""

    expression: str
    words: str


# What goes into file names, Tcl and XML is an identifier and nothing else.
Name = Annotated[str, Pattern(r"[a-z0-9][a-z0-9-]{0,39}", "1 to 40 lower-case letters, digits and hyphens")]
Part = Annotated[str, Pattern(r"xc[A-Za-z0-9]+(-[A-Za-z0-9]+)*", "an AMD part such as xc7z020clg400-1")]
PynqName = Annotated[str, Pattern(r"[A-Za-z0-9_-]{0,40}", "at most 40 letters, digits, hyphens and underscores")]
Title = Annotated[str, Pattern(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,80}", "1 to 80 printable characters")]
Rate = Annotated[float, Range(1e6, 1e13)]  # bytes a second


@dataclass(frozen=True)
class Clock:
    """Fabric clock: what designs run at by default, and the fastest that weft will plan for."""

    default_mhz: Annotated[float, Range(1, 2000)]
    maximum_mhz: Annotated[float, Range(1, 2000)]

    @property
    def period_ns(self) -> float:
        """Period of the default clock."""
        return 1000 / self.default_mhz


@dataclass(frozen=True)
class Memory:
    """The memory that the fabric reads and writes."""

    kind: Literal["ddr", "hbm"]
    bytes: Annotated[int, Range(2**20, 2**44)]
    bytes_per_s: Rate  # peak of the interface, or of the fabric's ports where those are narrower
    efficiency: Annotated[float, Range(0.01, 1)]  # share of the peak that long bursts reach
    burst_bytes: Annotated[int, Range(16, 4096)]  # one AXI burst; AXI bursts may not cross 4 KiB
    latency_cycles: Annotated[int, Range(1, 10_000)]  # fabric cycles from a read request to its first beat


@dataclass(frozen=True)
class Link:
    """The way between the host's memory and the fabric."""

    kind: Literal["axi", "pcie"]
    bytes_per_s: Rate  # one direction
    launch_us: Annotated[float, Range(0.01, 1e6)]  # one launch driven from Python, DMA set-up included
    register_us: Annotated[float, Range(0.001, 1e4)]  # one 32-bit register read or written from Python


@dataclass(frozen=True)
class HostCpu:
    """The processor that runs the host program. Alveo cards have none of their own: a typical server stands there."""

    name: Title
    cores: Annotated[int, Range(1, 1024)]
    mhz: Annotated[float, Range(10, 10_000)]
    architecture: Literal["armv7l", "aarch64", "x86_64"]  # as `uname -m` says
    gflops_per_s: Annotated[float, Range(0.01, 1e6)]  # float32, all cores, as ONNX Runtime reaches it
    copy_bytes_per_s: Rate  # between a program's arrays and DMA buffers, from Python


@dataclass(frozen=True)
class Power:
    """Watts of the FPGA device (processor and DDR excluded), for estimates."""

    static_w: Annotated[float, Range(0.001, 1000)]
    dynamic_w_full: Annotated[float, Range(0.001, 1000)]  # all usable fabric toggling at the default clock


@dataclass(frozen=True)
class Board:
    """One board. `usable` is, for each resource, the share a design may take before timing fails."""

    name: Name
    title: Title
    part: Part
    family: Literal["zynq7", "zynq_ultrascale_plus", "alveo"]
    pynq_name: PynqName  # as /proc/device-tree/chosen/pynq_board says; "" where PYNQ's images know no such board
    resources: Resources
    usable: dict[str, float] = field(hash=False)
    clock: Clock
    memory: Memory
    link: Link
    host: HostCpu
    power: Power

    @property
    def usable_resources(self) -> Resources:
        """What a design may take: whole counts, rounded down."""
        counts = self.resources.as_dict()
        # round() first: 0.7 * 53200 is 37239.99999999999 in floating point.
        return Resources(**{name: int(round(count * self.usable[name], 6)) for name, count in counts.items()})
