"""Cycles of a whole design from its layers' timings: what csynth reports, and what a run takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil

from weft.boards.errors import InputError
from weft.hls.design import Design
from weft.sim.cost.pipeline import is_dataflow
from weft.sim.cost.timing import Cost, Timing
from weft.sim.cost.tool import is_vitis


@dataclass(frozen=True)
class Row:
    """A layer or an end of the design, with what it reads, what it writes, and its cost."""

    name: str
    kind: str
    reuse_factor: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    cost: Cost
    sequential: bool = False


@dataclass(frozen=True)
class _Arrival:
    """Cycles at which a tensor's first and last element are there."""

    first: int
    last: int


_Stage = Callable[[Row, Timing, _Arrival], _Arrival]


def csynth_latency(design: Design, rows: list[Row], tool: str, worst: bool) -> int:
    """The cycle of the last output value as csynth reports it.

    io_stream: Vivado's csynth lets a layer start with the first element that reaches it, whatever its window needs, and
    counts the slowest layer in its worst case even in the best of the whole: 96,014 to 96,165 cycles where that layer
    has 4,624 to 95,948 (AutoEncoder_hls4ml@dd6f3c2171), and so in 21 of 22 designs (DNNonSilicon,
    Keb-L/hls4ml-data@333aad62, hls4ml tutorial). Vitis lets windows fill: 695 cycles for 14 layers of which the slowest
    has 577 (HG-DREAM@274dba6e).
    """
    if design.io == "io_parallel":
        return _finish(rows, lambda row: _case(row, worst), _parallel(design, worst))
    if is_vitis(tool):
        return _finish(rows, lambda row: _case(row, worst), _filled)
    slowest = max(rows, key=lambda row: row.cost.worst.latency)
    return _finish(rows, lambda row: _case(row, worst or row is slowest), _streamed)


def csynth_interval(design: Design, rows: list[Row], tool: str, worst: bool) -> int:
    """Cycles from one sample to the next: the slowest row, + 1 in io_stream where that is no rewinding loop (FACTS
    section 2; 390 for a convolution of 390, ECE226_CoDesign@5d10485a, Vitis HLS 2024.1).

    In io_parallel with Resource layers Vitis HLS runs them one after another, so that interval = latency of the layers
    (FACTS section 2, exact on 103 rows); the streams at the ends overlap with them. Under Vivado HLS they overlap.
    """
    slowest = max(_case(row, worst).interval for row in rows)
    if design.io == "io_stream":
        return max(slowest, _between_samples(rows, lambda row: _case(row, worst)))
    if any(row.sequential for row in rows) and is_vitis(tool):
        ends = sum(_longest_end(rows, reads) for reads in (True, False))
        return max(slowest, csynth_latency(design, rows, tool, worst) - ends)
    return slowest


def run_latency(design: Design, rows: list[Row], tool: str) -> int:
    """The cycle of the last output value of a first sample in a run: windows fill, borders are quick.

    Within 4 % of co-simulation on 10 networks (Keb-L/hls4ml-data@333aad62), which csynth's worst case misses by 10 to
    20.
    """
    if design.io == "io_parallel":
        return csynth_latency(design, rows, tool, worst=True)
    return _finish(rows, lambda row: row.cost.run, _filled)


def run_interval(design: Design, rows: list[Row], tool: str) -> int:
    """Cycles from one sample to the next in a run that never waits for its input or output."""
    if design.io == "io_parallel":
        return csynth_interval(design, rows, tool, worst=True)
    return max(max(row.cost.run.interval for row in rows), _between_samples(rows, lambda row: row.cost.run))


def _case(row: Row, worst: bool) -> Timing:
    return row.cost.worst if worst else row.cost.best


def _finish(rows: list[Row], timing: Callable[[Row], Timing], stage: _Stage) -> int:
    """The latest output of any row, each starting when what it reads arrives; the design ends with its slowest path."""
    arrivals: dict[str, _Arrival] = {}
    end = 0
    for row in rows:
        missing = [name for name in row.reads if name not in arrivals]
        if missing:
            raise InputError(f"layer {row.name} reads {missing[0]} before it is made: the design is not in order")
        read = _joined(arrivals[name] for name in row.reads)
        made = stage(row, timing(row), read)
        arrivals |= dict.fromkeys(row.writes, made)
        end = max(end, made.last)
    return end


def _joined(arrivals: Iterable[_Arrival]) -> _Arrival:
    """A layer of several inputs waits for each."""
    every = list(arrivals) or [_Arrival(0, 0)]
    return _Arrival(max(one.first for one in every), max(one.last for one in every))


def _streamed(_row: Row, timing: Timing, read: _Arrival) -> _Arrival:
    """csynth's stream: a layer starts with its first element, unless it needs all of them."""
    last = max(read.first + timing.latency, read.last + timing.depth)
    return _Arrival(last if timing.needs >= 1 else min(read.first + timing.depth, last), last)


def _filled(_row: Row, timing: Timing, read: _Arrival) -> _Arrival:
    """A run's stream: the first output waits for a full window, its input arriving evenly from first to last, and the
    others follow it no faster than the layer makes them. Padding begins with zeros that wait for nothing."""
    if timing.lead is not None and timing.needs == 0:
        return _Arrival(timing.lead, max(timing.latency, read.first + timing.latency, read.last + timing.depth))
    arrived = ceil(timing.needs * (read.last - read.first))
    first = read.first + max(timing.first, arrived + (timing.depth if timing.lead is None else 1))
    last = max(read.first + timing.latency, first + timing.latency - timing.first, read.last + timing.depth)
    return _Arrival(min(first, last), last)


def _parallel(design: Design, worst: bool) -> _Stage:
    """io_parallel: a layer starts when its inputs are complete, and takes them over from the layers before.

    In dataflow that is 1 cycle (sum(RF) + 2L - 1 of L Dense layers, FACTS section 2; 183 to 184 for layers of 179 and 4
    boundaries, ECE226_CoDesign@bfc2fecf; 116 to 120 for layers of 109 to 113 and 7, PYNQ_IA@a881b6f6). In a pipeline it
    is 1 where both sides have registers (4, 13 and 25 cycles for 0+0+1+2, 4+0+5+2 and 10+0+11+2, DNNonSilicon), and in
    the worst case everywhere (10 for layers of 6 and 5 boundaries, CE6370@8b151865).
    """
    everywhere = worst or is_dataflow(design)

    def stage(row: Row, timing: Timing, read: _Arrival) -> _Arrival:
        handed = row.kind not in ("stream", "Reshape") and any(name not in design.inputs for name in row.reads)
        registers = timing.latency > 0 and read.last > 0
        cycles = read.last + timing.latency + (1 if handed and (everywhere or registers) else 0)
        return _Arrival(cycles, cycles)

    return stage


def _between_samples(rows: list[Row], timing: Callable[[Row], Timing]) -> int:
    """The slowest layer, + 1 for its process to start again unless it rewinds (its interval is below its latency)."""
    core = [timing(row) for row in rows if row.kind != "stream"]
    slowest = max(core, key=lambda one: one.interval, default=Timing(0, 0, 0))
    return slowest.interval + (0 if slowest.interval < slowest.latency else 1)


def _longest_end(rows: list[Row], reads: bool) -> int:
    """Cycles of the longest stream in (or out) of the design."""
    ends = (row.cost.best.latency for row in rows if row.kind == "stream" and bool(row.reads) == reads)
    return max(ends, default=0)
