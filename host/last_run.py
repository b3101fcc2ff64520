"""What ran where in one call of a session: measured beside predicted, copies, and a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from weft.host.device import CopiesSeldom, Program, Region, samples_in
from weft.host.tables import seconds
from weft.sim.timeline import Event


@dataclass(frozen=True)
class RegionRun:
    """What one region did with a batch of `samples`.

    `start_s` counts from the start of the call and `seconds` is how long it took, both on this machine's clock;
    `predicted_s` is the plan's time of one inference, `samples` times. `cycles` and `simulated_s` are by the cycle
    model, None off the FPGA. `bytes` crossed the device's link; `copies` arrays were copied, `copied_bytes` in all.
    `fallback` says why the CPU ran a region planned for another device.
    """

    region: str
    device: str
    samples: int
    start_s: float
    seconds: float
    predicted_s: float
    bytes: int
    copies: int
    copied_bytes: int
    cycles: int | None = None
    simulated_s: float | None = None
    fallback: str = ""


@dataclass(frozen=True)
class LastRun:
    """What ran where in one call; `seconds` is the whole call."""

    regions: tuple[RegionRun, ...]
    seconds: float

    def table(self) -> Table:
        """Predicted and measured time of each region, for people."""
        title = f"{seconds(self.seconds)} measured on this machine"
        table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
        for name in ("region", "device"):
            table.add_column(name, overflow="fold")
        for name in ("samples", "predicted", "measured", "cycles", "copies", "bytes"):
            table.add_column(name, justify="right", overflow="fold")
        for run in self.regions:
            table.add_row(*_row(run))
        return table

    def clocks(self) -> dict[str, list[Event]]:
        """Events by clock, one track a device: this machine's, and that of the simulated fabric.

        Simulated time passes only while the fabric works, so it starts at 0 and has no gaps.
        """
        real, simulated, now_us = [], [], 0.0
        for run in self.regions:
            facts: dict[str, int | float | str] = {"samples": run.samples, "bytes": run.bytes, "copies": run.copies}
            real.append(Event(run.device, run.region, run.start_s * 1e6, run.seconds * 1e6, facts))
            if run.simulated_s is not None and run.cycles is not None:
                length_us = run.simulated_s * 1e6
                simulated.append(Event(run.device, run.region, now_us, length_us, {"cycles": run.cycles}))
                now_us += length_us
        return {"real clock": real, "simulated clock": simulated}


def region_run(
    region: Region,
    program: Program,
    samples: int,
    copied: tuple[int, int],
    start_s: float,
    took_s: float,
    fallback: str = "",
) -> RegionRun:
    """Describe a run of `program`; `copied` is from `copies`, and `fallback` says why it is not the planned one."""
    cycles = program.cycles(samples)
    simulated = None if cycles is None or region.design is None else cycles * region.design.clock_ns * 1e-9
    return RegionRun(
        region=region.name,
        device="cpu" if fallback else region.device,
        samples=samples,
        start_s=start_s,
        seconds=took_s,
        predicted_s=region.predicted_s * samples,
        bytes=program.bytes_moved(samples),
        copies=copied[0],
        copied_bytes=copied[1],
        cycles=cycles,
        simulated_s=simulated,
        fallback=fallback,
    )


def copies(region: Region, program: Program, inputs: Mapping[str, Any]) -> tuple[int, int]:
    """How many arrays a run copies, and their bytes: all that cross a link, or what the program itself counts."""
    if isinstance(program, CopiesSeldom):
        return program.copies(inputs)
    return len(region.inputs) + len(region.outputs), program.bytes_moved(samples_in(inputs))


def _row(run: RegionRun) -> tuple[str, ...]:
    cycles = "" if run.cycles is None else f"{run.cycles:,}"
    times = seconds(run.predicted_s), seconds(run.seconds), cycles
    return run.region, run.device, f"{run.samples:,}", *times, str(run.copies), f"{run.bytes:,}"
