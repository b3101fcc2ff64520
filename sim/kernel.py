"""A design in the fabric with its DMAs, and the simulated time that its runs take."""

from __future__ import annotations

from weft.boards import Board
from weft.hls.block_design import Placed
from weft.sim.accelerator import Accelerator
from weft.sim.dma import AxiDma, Receiver, Sender
from weft.sim.memory import Memory
from weft.sim.processing_system import family_of
from weft.sim.report import Report
from weft.sim.timeline import Event, Timeline


class Kernel:
    """Independent of the other designs in the fabric: it may work while they do.

    A run of n samples takes `report.cycles(n)` cycles of the clock that is set, whatever clock `report` is of. What
    designs that work at the same time take from each other's memory bandwidth is not modelled: each has all of it.
    """

    def __init__(self, place: Placed, board: Board, memory: Memory, report: Report) -> None:
        self._place, self._board, self._report = place, board, report
        family = family_of(board)
        port = (memory, family.address_bits, family.memory_bits // 8)
        senders = [Sender(*port) for _ in place.design.inputs]
        receivers = [Receiver(*port) for _ in place.design.outputs]
        self.accelerator = Accelerator(place.design, senders, receivers)
        self.dmas = {
            name: AxiDma(senders[i] if i < len(senders) else None, receivers[i] if i < len(receivers) else None)
            for i, name in enumerate(place.dma_names)
        }
        self._free_us = 0.0  # when the last run ends

    def advance(self, timeline: Timeline, mhz: float) -> None:
        """Work as far as inputs and outputs allow, at a clock of `mhz`, and note the time of each run that ended."""
        for samples in self.accelerator.advance():
            if samples:
                self._spend(samples, timeline, mhz)

    def observe(self, timeline: Timeline) -> None:
        """A program reads a register here, and sees that the runs so far have ended."""
        timeline.reach(self._free_us)

    def stop_transfers(self) -> None:
        """Reset the DMAs."""
        for dma in self.dmas.values():
            dma.write(0, 1 << 2)

    def _spend(self, samples: int, timeline: Timeline, mhz: float) -> None:
        """Let one run take its time, from when the program started it or the run before it ended.

        Input streams end, and output streams begin, one latency less one interval from the run's other end.
        """
        report, design, dmas = self._report, self._place.design, self._place.dma_names
        cycles, cycle_us = report.cycles(samples), 1 / mhz
        latency, interval = report.latency_cycles.worst, report.interval_cycles.worst
        total_us = cycles * cycle_us
        stream_us = total_us - max(0, latency - interval) * cycle_us
        figures = {
            "samples": samples,
            "latency_cycles": latency,
            "interval_cycles": interval,
            "cycle_model": "estimate" if report.samples == 1 else "events",
        }
        events = [Event(self._place.name, design.name, 0.0, total_us, figures)]
        for dma, name in zip(dmas, design.inputs, strict=False):
            size = {"bytes": samples * design.tensors[name].stream_bytes}
            events.append(Event(f"{dma} send", name, 0.0, stream_us, size))
        for dma, name in zip(dmas, design.outputs, strict=False):
            size = {"bytes": samples * design.tensors[name].stream_bytes}
            events.append(Event(f"{dma} receive", name, total_us - stream_us, stream_us, size))
        self._free_us = timeline.add(max(timeline.now_us, self._free_us), total_us, cycles, events)
