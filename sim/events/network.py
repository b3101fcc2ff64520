"""A Design on a board as processes and FIFOs: DMA, its layers, DMA.

The closed form (`weft.sim.cost`) says how long each layer takes alone; here it gets its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from weft.boards import Board
from weft.boards.errors import InputError
from weft.hls.design import Design, Layer, Tensor
from weft.hls.precision import Integers
from weft.sim.cost import layer_cost
from weft.sim.cost.model import Context
from weft.sim.cost.reading import channels
from weft.sim.cost.timing import Timing
from weft.sim.events.patterns import pattern_of
from weft.sim.events.process import Fifo, Network, Process, moved
from weft.sim.report import Report

#: Arrays between the stages of a dataflow region are ping-pong buffers (UG1399, "Arrays as PIPO").
_PING_PONG = 2

#: Cycles from the last beat of an AXI write to its response (LightningSim, DOI 10.1109/FCCM57271.2023.00031).
_WRITE_RESPONSE = 7

#: A process is started again the cycle after it was done: the top's interval is the slowest layer's + 1 (FACTS 2).
_RESTART = 1


@dataclass
class _Parts:
    """Processes in the making; who writes and who reads each FIFO."""

    context: Context
    processes: list[Process] = field(default_factory=list)
    producers: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, int] = field(default_factory=dict)

    def add(self, process: Process) -> None:
        for names, ends, word in (
            (process.reads, self.consumers, "readers"),
            (process.writes, self.producers, "writers"),
        ):
            for name in names:
                if name in ends:
                    raise InputError(
                        f"stream {name} of design {self.context.design.name} has two {word}, {process.name} and "
                        f"{self.processes[ends[name]].name}: a FIFO has one of each; let hls4ml clone it"
                    )
                ends[name] = len(self.processes)
        self.processes.append(process)


def stream_network(context: Context, board: Board, worst: bool, unbounded: bool = False) -> Network:
    """An io_stream design: a process a layer, a FIFO a tensor. `worst` takes the layers' worst case of two.

    `unbounded` leaves every FIFO without a limit. Raises InputError for streams that do not fit together.
    """
    design = context.design
    parts = _Parts(context)
    for number, name in enumerate(design.inputs):
        parts.add(_sender(context, board, number, {name: design.tensors[name]}))
    for layer in design.layers:
        if layer.kind not in ("Input", "Reshape"):
            parts.add(_layer_process(layer, context, worst))
    for number, name in enumerate(design.outputs):
        carried = context.carried(design.tensors[name])
        parts.add(_receiver(context, board, number, {carried.name: carried}))
    return _connected(parts, unbounded)


def parallel_network(context: Context, board: Board, core: Report, worst: bool) -> Network:
    """An io_parallel design: one process between the DMAs, which takes whole samples as the closed form says."""
    design = context.design
    parts = _Parts(context)
    for number, name in enumerate(design.inputs):
        parts.add(_sender(context, board, number, {name: design.tensors[name]}))
    latency, interval = (
        (cycles.worst if worst else cycles.best) for cycles in (core.latency_cycles, core.interval_cycles)
    )
    once = np.ones(1, np.int64)
    reads, writes = dict.fromkeys(design.inputs, once), dict.fromkeys(design.outputs, once)
    parts.add(Process(design.name, np.array([max(1, interval)]), latency, 0, reads, writes))
    for number, name in enumerate(design.outputs):
        parts.add(_receiver(context, board, number, {name: design.tensors[name]}))
    return _connected(parts, False)


def _layer_process(layer: Layer, context: Context, worst: bool) -> Process:
    """A layer that, alone, has the latency and the interval of its closed form: at the worst what a run takes, since
    csynth's worst case counts every pixel of a border as one that makes an output."""
    cost = layer_cost(layer, context)
    timing = cost.run if worst else cost.best
    sources = [context.carried(_tensor(context.design, layer, name)) for name in layer.inputs]
    result = _tensor(context.design, layer, layer.outputs[0] if layer.outputs else "")
    pattern = pattern_of(layer, sources, result)
    pace = _pace(timing, pattern.writes)
    begun = int(pace[:-1].sum())
    return Process(
        name=layer.name,
        pace=pace,
        latency=max(1, timing.latency - begun),
        rest=max(0, timing.interval - int(pace.sum())) + _RESTART,
        reads={source.name: moved(counts) for source, counts in zip(sources, pattern.reads, strict=True)},
        writes=dict.fromkeys(layer.outputs, moved(pattern.writes)),
    )


def _pace(timing: Timing, writes: Integers) -> Integers:
    """Cycles of each iteration: the busy time shared evenly, but for iterations that only shift a window."""
    count, shifts = len(writes), writes == 0
    if timing.shift and not shifts.all():
        busy = (timing.interval - timing.shift * int(shifts.sum())) // int((~shifts).sum())
        return np.where(shifts, timing.shift, np.maximum(busy, timing.shift))
    share, rest = divmod(max(timing.latency - timing.depth, count), count)
    pace = np.full(count, share, np.int64)
    pace[:rest] += 1
    return pace


def _tensor(design: Design, layer: Layer, name: str) -> Tensor:
    if name not in design.tensors:
        raise InputError(f"layer {layer.name} of design {design.name} lacks a tensor: the design is damaged")
    return design.tensors[name]


def _sender(context: Context, board: Board, number: int, tensors: Mapping[str, Tensor]) -> Process:
    """The DMA of an input: a value a beat, in bursts from DDR, of which the first comes a read latency later."""
    ((name, tensor),) = tensors.items()
    counts = np.arange(1, max(1, tensor.size) + 1) // _group(context, tensor)
    pace = _beats(context, board, context.design.inputs, tensor)
    return Process(f"axi_dma_{number} send", pace, board.memory.latency_cycles, 0, {}, {name: counts})


def _receiver(context: Context, board: Board, number: int, tensors: Mapping[str, Tensor]) -> Process:
    """The DMA of an output: a value a beat, in bursts to DDR; the last is done when its response has come."""
    ((name, tensor),) = tensors.items()
    counts = np.arange(max(1, tensor.size)) // _group(context, tensor) + 1
    pace = _beats(context, board, context.design.outputs, tensor)
    return Process(f"axi_dma_{number} receive", pace, _WRITE_RESPONSE, 0, {name: counts}, {})


def _group(context: Context, tensor: Tensor) -> int:
    """Values in a token: an element of a stream, or all of an array."""
    return channels(tensor) if context.stream else max(1, tensor.size)


def _beats(context: Context, board: Board, names: Sequence[str], tensor: Tensor) -> Integers:
    """Cycles of each beat of a sample: one, and at a burst's end as many more as link and memory are slower.

    Streams of one direction share the link; those of both share the memory.
    """
    design = context.design
    one_way = sum(design.tensors[name].stream_bytes for name in names)
    both = sum(design.tensors[name].stream_bytes for name in (*design.inputs, *design.outputs))
    own = tensor.stream_bytes / max(1, one_way)
    bytes_per_s = min(
        board.link.bytes_per_s * own,
        board.memory.bytes_per_s * board.memory.efficiency * tensor.stream_bytes / max(1, both),
    )
    size = tensor.type.storage.itemsize
    burst = max(1, board.memory.burst_bytes // size)
    pace = np.ones(max(1, tensor.size), np.int64)
    for begin in range(0, len(pace), burst):
        beats = min(burst, len(pace) - begin)
        transfer = ceil(beats * size / bytes_per_s / (context.clock_ns * 1e-9))
        pace[begin + beats - 1] += max(0, transfer - beats)
    return pace


def _connected(parts: _Parts, unbounded: bool) -> Network:
    design = parts.context.design
    loose = parts.producers.keys() ^ parts.consumers.keys()
    if loose:
        raise InputError(f"stream {min(loose)} of design {design.name} has one end only: the design is damaged")
    fifos = {name: _fifo(parts, name, unbounded) for name in parts.producers}
    _check_order(design, parts.processes, fifos.values())
    return Network(design.name, tuple(parts.processes), fifos)


def _fifo(parts: _Parts, name: str, unbounded: bool) -> Fifo:
    context, producer, consumer = parts.context, parts.producers[name], parts.consumers[name]
    tensor = context.design.tensors[name]
    made, taken = parts.processes[producer].writes[name], parts.processes[consumer].reads[name]
    if made[-1] != taken[-1]:
        raise InputError(
            f"stream {name} of design {context.design.name} gets {made[-1]} elements a sample and "
            f"{parts.processes[consumer].name} reads {taken[-1]}: the design is damaged"
        )
    depth = tensor.fifo_depth if context.stream else _PING_PONG
    if depth < 1:
        raise InputError(f"the FIFO of stream {name} has depth {depth}: a FIFO holds at least one element")
    width = _group(context, tensor) * tensor.type.width
    return Fifo(name, None if unbounded else depth, width, producer, consumer, int(made[-1]))


def _check_order(design: Design, processes: Sequence[Process], fifos: Iterable[Fifo]) -> None:
    for fifo in fifos:
        if fifo.producer >= fifo.consumer:
            raise InputError(
                f"layer {processes[fifo.consumer].name} of design {design.name} reads {fifo.name} before it is made: "
                "the design is not in order, or has a cycle"
            )
