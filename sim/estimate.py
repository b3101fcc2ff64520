"""`estimate`: what a design costs on a board, in closed form and without a tool.

Latency, interval and fabric follow published HLS reports; each rule states its source in `weft.sim.cost`. A range runs
from the best to the worst published case. The figures are of csynth, before place and route.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.design import Design, Layer
from weft.sim.calibration.store import stored_corrections
from weft.sim.cost import layer_cost
from weft.sim.cost.correction import Corrections, what_corrects
from weft.sim.cost.model import NEWEST_TOOL, Context, Cost, Timing, checked_tool, fabric_of, is_vitis
from weft.sim.cost.storage import fifo
from weft.sim.cost.stream import axi_stream
from weft.sim.energy import dynamic_uj, static_uj
from weft.sim.host_cost import copy_us
from weft.sim.report import LayerReport, Range, Report

_WIRE = Timing(0, 1, 0, 0.0)


@dataclass(frozen=True)
class _Row:
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


def estimate(
    design: Design,
    board: str | Path | Board,
    clock_ns: float | None = None,
    *,
    tool: str = NEWEST_TOOL,
    ends: bool = True,
    corrections: Corrections | None = None,
) -> Report:
    """Cycles, fabric and energy of one inference of `design` on `board`.

    `clock_ns` is the clock period in nanoseconds (the design's own by default). `tool` names the HLS tool and version
    whose schedule is foretold: "vitis-2023.2", "vivado-2020.1". Rows of kind "stream" are the AXI streams in and out,
    one value a cycle; `ends=False` leaves them out, as hls4ml's own reports do. Energy: see `weft.sim.energy`.
    `corrections` are those that `weft calibrate` stored for the board's family and the tool, unless given.

    Raises BoardError for an unknown board, InputError for a clock, tool or design that is none, WeftError for a kind of
    layer that has no model.
    """
    machine = load_board(board)
    context = context_of(design, machine, clock_ns, tool, corrections)
    period = context.clock_ns
    rows = _rows(design, context)
    if not ends:
        rows = [replace(row, cost=Cost(_WIRE, _WIRE)) if row.kind == "stream" else row for row in rows]
    latency = Range(*(_latency(design, rows, worst) for worst in (False, True)))
    interval = Range(*(_interval(design, rows, tool, worst) for worst in (False, True)))
    layers = tuple(_report(row, period, machine) for row in rows if ends or row.kind != "stream")
    return Report(
        board=machine.name,
        clock_ns=period,
        layers=layers,
        latency_cycles=latency,
        interval_cycles=interval,
        resources=sum((row.resources for row in layers), Resources()),
        available=machine.resources,
        usable=machine.usable_resources,
        energy_uj=sum(row.energy_uj for row in layers) + static_uj(latency.worst, period, machine),
        launch_us=machine.link.launch_us,
        copy_us=copy_us(design, machine),
        corrected_by=what_corrects(design, context.corrections),
    )


def context_of(
    design: Design, board: Board, clock_ns: float | None, tool: str, corrections: Corrections | None = None
) -> Context:
    """What the cost of a design's layers depends on; see `estimate` for the arguments and errors."""
    period = design.clock_ns if clock_ns is None else clock_ns
    if not 0.1 <= period <= 1e6:
        raise InputError(f"a clock of {period} ns is outside 0.1 ns to 1 ms: give the period in nanoseconds")
    checked_tool(tool)
    stored = stored_corrections(board.family, tool) if corrections is None else corrections
    return Context(design, fabric_of(board.family), period, tool, stored)


def _rows(design: Design, context: Context) -> list[_Row]:
    inward = [_end(context, name, True, number) for number, name in enumerate(design.inputs)]
    outward = [_end(context, name, False, number) for number, name in enumerate(design.outputs)]
    return inward + [_layer_row(layer, context) for layer in design.layers if layer.kind != "Input"] + outward


def _end(context: Context, name: str, inward: bool, number: int) -> _Row:
    """A stream at the edge: `input` and `output`, numbered where there are several."""
    design = context.design
    names, word = (design.inputs, "input") if inward else (design.outputs, "output")
    if name not in design.tensors:
        raise InputError(f"design {design.name} has no tensor {name}, its {word} {number}: the design is damaged")
    title = word if len(names) == 1 else f"{word}_{number}"
    tensor = context.carried(design.tensors[name]) if context.stream else design.tensors[name]
    cost = axi_stream(tensor, context.stream, inward)
    if context.stream and inward:
        cost = Cost(cost.best, cost.worst, cost.resources + fifo(tensor))
    return _Row(title, "stream", 1, () if inward else (name,), (name,) if inward else (), cost)


def _layer_row(layer: Layer, context: Context) -> _Row:
    """A layer's row; in io_stream it carries the FIFOs that it writes."""
    cost = layer_cost(layer, context)
    if context.stream and layer.kind != "Reshape":  # a Reshape is another name for its input's FIFO
        fifos = (fifo(context.design.tensors[name]) for name in layer.outputs if name in context.design.tensors)
        cost = Cost(cost.best, cost.worst, sum(fifos, cost.resources))
    sequential = layer.strategy.lower() == "resource" and layer.reuse_factor > 1 and bool(layer.weights)
    return _Row(layer.name, layer.kind, layer.reuse_factor, layer.inputs, layer.outputs, cost, sequential)


def _timing(row: _Row, worst: bool) -> Timing:
    return row.cost.worst if worst else row.cost.best


def _latency(design: Design, rows: list[_Row], worst: bool) -> int:
    """The cycle of the last output value. Every row starts when its first data is there (io_stream) or when its
    inputs are complete (io_parallel); the design ends with its slowest path."""
    arrivals: dict[str, _Arrival] = {}
    end = 0
    handover = _handover(design, rows, worst)
    for row in rows:
        missing = [name for name in row.reads if name not in arrivals]
        if missing:
            raise InputError(f"layer {row.name} reads {missing[0]} before it is made: the design is not in order")
        read = _joined(arrivals[name] for name in row.reads)
        timing = _timing(row, worst)
        if design.io == "io_stream":
            made = _through(timing, read)
        else:
            cycles = read.last + timing.latency + (handover if _is_handed(design, row) else 0)
            made = _Arrival(cycles, cycles)
        arrivals |= dict.fromkeys(row.writes, made)
        end = max(end, made.last)
    return end


def _is_handed(design: Design, row: _Row) -> bool:
    """Whether a layer takes its data from another: not the ends, not wires, not the first layer."""
    return row.kind not in ("stream", "Reshape") and any(name not in design.inputs for name in row.reads)


def _joined(arrivals: Iterable[_Arrival]) -> _Arrival:
    """A layer of several inputs waits for each."""
    every = list(arrivals) or [_Arrival(0, 0)]
    return _Arrival(max(one.first for one in every), max(one.last for one in every))


def _through(timing: Timing, read: _Arrival) -> _Arrival:
    """When a stage of a stream gives its first and last element, its input arriving evenly from first to last."""
    busy = timing.latency - timing.depth
    first = read.first + ceil(timing.needs * max(busy, read.last - read.first)) + timing.depth
    last = max(read.first + timing.latency, read.last + timing.depth)
    return _Arrival(min(first, last), last)


def _dataflow(rows: list[_Row]) -> bool:
    """hls4ml's choice for io_parallel: dataflow if a convolution has partitions or a layer is Resource."""
    return any(row.sequential or ("Conv" in row.kind and row.cost.best.interval > 1) for row in rows)


def _handover(design: Design, rows: list[_Row], worst: bool) -> int:
    """io_parallel: cycles from one layer to the next.

    In dataflow 1 (sum(RF) + 2L - 1 of L Dense layers, FACTS section 2; 183 to 184 for layers of 179 and 4 boundaries,
    ECE226_CoDesign@bfc2fecf); in a pipeline 0, or 1 where HLS registers the boundary (10 published for layers of 6 and
    5 boundaries, CE6370@8b151865).
    """
    return 1 if design.io == "io_parallel" and (worst or _dataflow(rows)) else 0


def _interval(design: Design, rows: list[_Row], tool: str, worst: bool) -> int:
    """Cycles from one sample to the next: the slowest row, + 1 in io_stream (FACTS section 2).

    In io_parallel with Resource layers Vitis HLS runs them one after another, so that interval = latency of the layers
    (FACTS section 2, exact on 103 rows); the streams at the ends overlap with them. Under Vivado HLS they overlap.
    """
    slowest = max(_timing(row, worst).interval for row in rows)
    if design.io == "io_stream":
        core = [_timing(row, worst).interval for row in rows if row.kind != "stream"]
        return max(slowest, max(core, default=0) + 1)
    if any(row.sequential for row in rows) and is_vitis(tool):
        ends = sum(_longest_end(rows, reads) for reads in (True, False))
        return max(slowest, _latency(design, rows, worst) - ends)
    return slowest


def _longest_end(rows: list[_Row], reads: bool) -> int:
    """Cycles of the longest stream in (or out) of the design."""
    ends = (row.cost.best.latency for row in rows if row.kind == "stream" and bool(row.reads) == reads)
    return max(ends, default=0)


def _report(row: _Row, period: float, board: Board) -> LayerReport:
    best, worst, resources = row.cost.best, row.cost.worst, row.cost.resources
    latency = Range(min(best.latency, worst.latency), max(best.latency, worst.latency))
    interval = Range(min(best.interval, worst.interval), max(best.interval, worst.interval))
    energy = dynamic_uj(resources, max(worst.latency, 1), period, board)
    return LayerReport(row.name, row.kind, "fpga", row.reuse_factor, latency, interval, resources, energy)
