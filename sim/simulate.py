"""`simulate`: a design on a board, event by event: values, cycles, FIFOs and stalls.

Where `estimate` adds up closed forms, here each layer is a process with its initiation interval and latency, each
stream a FIFO with capacity and back-pressure, and the ends are DMAs that move bursts through the board's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weft.boards import Board, load_board
from weft.boards.errors import InputError
from weft.hls.design import Design
from weft.hls.samples import checked_samples
from weft.sim.cost.model import Context
from weft.sim.cost.reading import beats
from weft.sim.cost.tool import NEWEST_TOOL
from weft.sim.energy import dynamic_uj, static_uj
from weft.sim.estimate import context_of, estimate
from weft.sim.events.budget import Budget
from weft.sim.events.network import parallel_network, stream_network
from weft.sim.events.occupancy import largest_occupancy, mean_occupancy, stalls
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress
from weft.sim.events.sizing import minimal_depths
from weft.sim.events.timing import Schedule, schedule
from weft.sim.report import FifoReport, LayerReport, Range, Report
from weft.sim.timeline import Event

#: Samples sent back to back where no inputs say how many: the pipeline is full, and the last two give the interval.
_SAMPLES = 4

#: How often an iteration is solved at least: for each of the samples, at the best and at the worst.
_LEAST_VISITS = 2 * _SAMPLES

#: Samples whose events the timeline keeps.
_KEPT_SAMPLES = 100


def simulate(
    design: Design,
    board: str | Path | Board,
    inputs: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
    *,
    clock_ns: float | None = None,
    tool: str = NEWEST_TOOL,
    samples: int | None = None,
    limit: int | None = None,
) -> Report:
    """What happens when samples are sent through `design` on `board` back to back.

    `inputs` as `Design.run` takes them: their outputs, bit for bit, are `outputs` of the report. `samples` (4 or more;
    the inputs' number by default) is how many are timed. The report's latency is the first sample's, its interval that
    of the last two; its rows carry stalls, and `fifos` and `events` what the FIFOs held and what ran when. `limit` is
    the number of iterations of layers that may be solved for it, some 20 million a second.

    Raises what `estimate` raises, DeadlockError where FIFOs are too shallow, InputError for inputs that do not fit,
    TooLongError beyond `limit`.
    """
    machine = load_board(board)
    base = estimate(design, machine, clock_ns, tool=tool)
    outputs: tuple[NDArray[Any], ...] = ()
    count = _SAMPLES if samples is None else samples
    if inputs is not None:
        checked = checked_samples(inputs, [design.tensors[name] for name in design.inputs], f"design {design.name}")
        result = design.run(checked)
        outputs = tuple(result) if isinstance(result, list) else (result,)
        count = len(checked[0]) if samples is None else samples
    if count < 0:
        raise InputError(f"{count} samples cannot be simulated: give their number")
    timed = max(count, _SAMPLES)
    context = context_of(design, machine, clock_ns, tool)
    budget = _budget(design, limit)
    best, worst = (_scheduled(network, timed, budget) for network in _networks(context, machine))
    return replace(_timed(base, machine, best, worst), samples=max(1, count), outputs=outputs)


def smallest_fifos(
    design: Design, board: str | Path | Board, clock_ns: float | None = None, tool: str = NEWEST_TOOL
) -> Design:
    """The design with the smallest FIFO depths that keep its interval (io_parallel has none: the design as it is).

    See `weft.sim.events.sizing`; the layers' worst case is what is kept.
    """
    if design.io != "io_stream":
        return design
    machine = load_board(board)
    context = context_of(design, machine, clock_ns, tool)
    depths = minimal_depths(stream_network(context, machine, worst=True, unbounded=True))
    return design.with_fifo_depths(depths)


def _budget(design: Design, limit: int | None) -> Budget:
    """What is left of `limit` if all goes well; with none, nothing is looked at."""
    budget = Budget(limit)
    if limit is not None:
        ends = sum(design.tensors[name].size for name in (*design.inputs, *design.outputs))
        budget.spend(_LEAST_VISITS * (ends + sum(beats(tensor) for tensor in design.tensors.values())))
        budget.spend(sum(len(layer.inputs) ** 2 for layer in design.layers))  # a Concatenate's turns
    return budget


def _scheduled(network: Network, samples: int, budget: Budget) -> Schedule:
    check_progress(network, budget)
    return schedule(network, samples, budget)


def _networks(context: Context, board: Board) -> tuple[Network, Network]:
    """The processes and FIFOs of the design with every layer's best and with every layer's worst case."""
    if context.stream:
        return stream_network(context, board, worst=False), stream_network(context, board, worst=True)
    core = estimate(context.design, board, context.clock_ns, tool=context.tool, ends=False)
    return parallel_network(context, board, core, worst=False), parallel_network(context, board, core, worst=True)


def _timed(base: Report, board: Board, best: Schedule, worst: Schedule) -> Report:
    """The closed form's report with what the schedules say."""
    latency = Range(*sorted(int(each.ends()[0]) for each in (best, worst)))
    interval = Range(*sorted(each.interval() for each in (best, worst)))
    numbers = {process.name: number for number, process in enumerate(worst.network.processes)}
    layers = tuple(
        _row(row, worst, numbers[row.name], base.clock_ns, board) if row.name in numbers else row for row in base.layers
    )
    energy = sum(row.energy_uj for row in layers) + static_uj(latency.worst, base.clock_ns, board)
    return replace(
        base,
        layers=layers,
        latency_cycles=latency,
        interval_cycles=interval,
        energy_uj=energy,
        fifos=_fifos(worst),
        events=_events(worst, base.clock_ns),
    )


def _row(row: LayerReport, run: Schedule, number: int, clock_ns: float, board: Board) -> LayerReport:
    """A layer's row with the stalls of its process, and the energy of the cycles in which that worked."""
    waited = stalls(run, number)
    busy = run.network.processes[number].busy_cycles
    energy = dynamic_uj(row.resources, busy, clock_ns, board)
    return replace(row, starved_cycles=waited.starved, blocked_cycles=waited.blocked, energy_uj=energy)


def _fifos(run: Schedule) -> tuple[FifoReport, ...]:
    return tuple(
        FifoReport(
            fifo.name, fifo.depth or fifo.tokens, fifo.bits, largest_occupancy(run, fifo), mean_occupancy(run, fifo)
        )
        for fifo in run.network.fifos.values()
    )


def _events(run: Schedule, clock_ns: float) -> tuple[Event, ...]:
    """A slice for each sample in each process."""
    microseconds = clock_ns / 1000
    events = []
    for process, starts in zip(run.network.processes, run.starts, strict=True):
        for sample, row in enumerate(starts[:_KEPT_SAMPLES]):
            duration = int(row[-1]) + process.latency - int(row[0])
            begin = int(row[0]) * microseconds
            events.append(Event(process.name, f"sample {sample}", begin, duration * microseconds))
    return tuple(events)
