"""`estimate`: what a design costs on a board, in closed form and without a tool.

Latency, interval and fabric follow published HLS reports; each rule states its source in `weft.sim.cost`. A range runs
from the best to the worst published case. The figures are of csynth, before place and route.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.hls.design import Design, Layer
from weft.sim.calibration.store import stored_corrections
from weft.sim.cost import layer_cost
from weft.sim.cost.correction import Corrections, what_corrects
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context
from weft.sim.cost.pipeline import check_pipeline
from weft.sim.cost.stream import axi_stream, fifo
from weft.sim.cost.timing import Cost, Timing
from weft.sim.cost.tool import NEWEST_TOOL, checked_tool
from weft.sim.cycles import Row, csynth_interval, csynth_latency, run_interval, run_latency
from weft.sim.energy import dynamic_uj, static_uj
from weft.sim.host_cost import copy_us
from weft.sim.report import LayerReport, Range, Report

_WIRE = Timing(0, 1, 0, 0.0)


@dataclass(frozen=True)
class Run:
    """Cycles of a design in a run: a first sample's latency, and from one sample to the next."""

    latency: int
    interval: int


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
    period, rows = context.clock_ns, _rows(design, context, ends)
    latency = Range(*(csynth_latency(design, rows, tool, worst) for worst in (False, True)))
    interval = Range(*(csynth_interval(design, rows, tool, worst) for worst in (False, True)))
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


def expected_run(
    design: Design,
    board: str | Path | Board,
    clock_ns: float | None = None,
    *,
    tool: str = NEWEST_TOOL,
    ends: bool = True,
    corrections: Corrections | None = None,
) -> Run:
    """What co-simulation shows, where `estimate` gives what csynth reports; arguments and errors are the same."""
    rows = _rows(design, context_of(design, load_board(board), clock_ns, tool, corrections), ends)
    return Run(run_latency(design, rows, tool), run_interval(design, rows, tool))


def context_of(
    design: Design, board: Board, clock_ns: float | None, tool: str, corrections: Corrections | None = None
) -> Context:
    """What the cost of a design's layers depends on; see `estimate` for the arguments and errors."""
    period = design.clock_ns if clock_ns is None else clock_ns
    if not 0.1 <= period <= 1e6:
        raise InputError(f"a clock of {period} ns is outside 0.1 ns to 1 ms: give the period in nanoseconds")
    checked_tool(tool)
    check_pipeline(design)
    stored = stored_corrections(board.family, tool) if corrections is None else corrections
    return Context(design, fabric_of(board.family), period, tool, stored)


def _rows(design: Design, context: Context, ends: bool) -> list[Row]:
    """Every layer between the streams at the ends, which are wires without `ends`."""
    inward = [_end(context, name, True, number) for number, name in enumerate(design.inputs)]
    outward = [_end(context, name, False, number) for number, name in enumerate(design.outputs)]
    if not ends:
        inward, outward = ([replace(row, cost=Cost(_WIRE, _WIRE)) for row in side] for side in (inward, outward))
    return inward + [_layer_row(layer, context) for layer in design.layers if layer.kind != "Input"] + outward


def _end(context: Context, name: str, inward: bool, number: int) -> Row:
    """A stream at the edge: `input` and `output`, numbered where there are several."""
    design = context.design
    names, word = (design.inputs, "input") if inward else (design.outputs, "output")
    if name not in design.tensors:
        raise InputError(f"design {design.name} has no tensor {name}, its {word} {number}: the design is damaged")
    title = word if len(names) == 1 else f"{word}_{number}"
    tensor = context.carried(design.tensors[name]) if context.stream else design.tensors[name]
    cost = axi_stream(tensor, context.stream, inward)
    if context.stream and inward:
        cost = replace(cost, resources=cost.resources + fifo(tensor, context.tool))
    return Row(title, "stream", 1, () if inward else (name,), (name,) if inward else (), cost)


def _layer_row(layer: Layer, context: Context) -> Row:
    """A layer's row; in io_stream it carries the FIFOs that it writes."""
    cost = layer_cost(layer, context)
    if context.stream and layer.kind != "Reshape":  # a Reshape is another name for its input's FIFO
        tensors = context.design.tensors
        fifos = (fifo(tensors[name], context.tool) for name in layer.outputs if name in tensors)
        cost = replace(cost, resources=sum(fifos, cost.resources))
    sequential = layer.strategy.lower() == "resource" and layer.reuse_factor > 1 and bool(layer.weights)
    return Row(layer.name, layer.kind, layer.reuse_factor, layer.inputs, layer.outputs, cost, sequential)


def _report(row: Row, period: float, board: Board) -> LayerReport:
    best, worst, resources = row.cost.best, row.cost.worst, row.cost.resources
    latency = Range(min(best.latency, worst.latency), max(best.latency, worst.latency))
    interval = Range(min(best.interval, worst.interval), max(best.interval, worst.interval))
    energy = dynamic_uj(resources, max(worst.latency, 1), period, board)
    return LayerReport(row.name, row.kind, "fpga", row.reuse_factor, latency, interval, resources, energy)
