"""Put a network's nodes on devices: what each would cost there, by the objective, and the best split.

Values cross between devices through the host's memory; weights are on their device before the first sample and cost
nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import combinations
from math import inf

import numpy as np
import onnx_ir as ir

from weft.boards import Board
from weft.host.cost import processor_profile
from weft.host.device import Device, Region
from weft.host.devices.names import kind, takes_designs
from weft.host.graph import Network, read_values
from weft.host.memory import Fitted, Footprint, Memory, footprint, memory_bytes, shortage, solve_within
from weft.host.objectives import BATCH, SMALLEST_SHARE, Spent, Wish
from weft.host.problem import Floats, Flow, Goal, Problem, contracted
from weft.host.solver import Solution
from weft.host.steering import Steering
from weft.host.streams import ends
from weft.host.work import sample_bytes

_ACCELERATOR_W = 75.0  # [assumption] the most that a card may draw from its slot (PCI Express CEM 3.0, x16)
_TINY = 1e-9  # operations, so that nodes of no operations count too
# [assumption] what PCIe 3.0 x16 leaves of its 15.75 GB/s after packet headers, for a device that does not say its own
_COPY_BYTES_PER_S = 1.2e10
# 82.55 ms for a Zynq-7020 in fpgaConvNet (Venieris and Bouganis, FCCM 2016); [assumption] a bitstream grows with the
# fabric that it configures
_RECONFIGURATION_S, _RECONFIGURED_LUTS = 82.55e-3, 53_200
_COPY_S = 5e-6  # [assumption] a copy that the host starts and waits for, however few its bytes; kernels take 10 us


@dataclass(frozen=True)
class Offer:
    """A region that the FPGA could take, by its node numbers."""

    numbers: tuple[int, ...]
    region: Region


@dataclass(frozen=True)
class Placed:
    """Device names and the node numbers of their regions, in the order in which they can run; `crowded` says of each
    device that would have had more nodes why its memory is too small for them."""

    pieces: tuple[tuple[str, tuple[int, ...]], ...]
    solution: Solution
    crowded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A network, the devices it could run on (by name, in order of preference), and what is wanted."""

    network: Network
    devices: Mapping[str, Device]
    board: Board
    steering: Steering
    wish: Wish

    def refusal(self, name: str, node: ir.Node) -> str:
        """Why a node cannot or may not run on a device; empty where it can."""
        refused = self.steering.refusal(kind(name), node) or self.devices[name].supports(node)
        if refused or takes_designs(name):
            return refused
        return shortage(name, self.memory_bytes(name), footprint(node))

    @cached_property
    def problem(self) -> Problem:
        """What is to be placed, in numbers, with no region on an FPGA yet; many sets of such are tried on it."""
        return _problem(self)

    @cached_property
    def memory_bytes(self) -> Callable[[str], float]:
        """The memory of a device by its name. It is asked for where something could run there: the answer opens a
        driver, or reads the profile of this machine."""
        return cache(lambda name: memory_bytes(name, self.devices[name], self.board))


def place(task: Task, offers: Sequence[Offer] = ()) -> Placed | None:
    """The best split of a task, with the FPGA on the nodes of each of `offers` or nowhere.

    None where a node can run nowhere, or no split was found that keeps the limits and every device's memory.
    """
    problem, groups = _grouped(task, offers)
    memory = _memory(task, problem, groups, offers)
    found = _solved(task, offers, problem, memory)
    best, crowded = min(
        ((each.solution, each.crowded) for each in found if each.solution is not None),
        key=lambda each: each[0].value,
        default=(None, {}),
    )
    if best is None:
        return None
    names = list(task.devices)
    pieces = tuple(piece for each in best.pieces for piece in _pieces(names[each.device], each.nodes, groups))
    bound = min(each.bound for each in found)
    return Placed(pieces, replace(best, bound=bound), _shortages(names, memory, crowded))


def crowding(task: Task) -> str:
    """Why no split was found that every device has memory for: the first one's need; empty where memory is not why."""
    problem, groups = _grouped(task, ())
    memory = _memory(task, problem, groups, ())
    for each in _solved(task, (), problem, memory):
        if each.solution is None and each.crowded:
            return "; ".join(_shortages(list(task.devices), memory, each.crowded).values())
    return ""


def _grouped(task: Task, offers: Sequence[Offer]) -> tuple[Problem, tuple[tuple[int, ...], ...]]:
    """The problem, and for each of its nodes the network's that it stands for."""
    problem = task.problem
    if offers:
        return _with_offers(problem, task, offers)
    return problem, tuple((number,) for number in range(problem.count))


def _solved(task: Task, offers: Sequence[Offer], problem: Problem, memory: Memory) -> list[Fitted]:
    """The best splits by the devices that may work together."""
    watts = [device_watts(name, task.board, offers) for name in task.devices]
    goal = Goal(task.wish.max_latency_s)
    return [solve_within(_only(problem, allowed), goal, memory) for allowed in _affordable(watts, task.wish)]


def _memory(task: Task, problem: Problem, groups: Sequence[tuple[int, ...]], offers: Sequence[Offer]) -> Memory:
    """What devices have and nodes need. An FPGA's regions need their DMA buffers, which on a board with a processor of
    its own lie in that one's memory."""
    buffers = {offer.numbers: stream_bytes(offer.region) for offer in offers}
    shared = sum(buffers.values()) if task.board.link.kind == "axi" else 0
    have = tuple(
        task.memory_bytes(name) - (shared if kind(name) == "cpu" else 0) if able.any() else inf
        for name, able in zip(task.devices, problem.able, strict=True)
    )
    nodes = task.network.nodes
    return Memory(
        have,
        tuple(
            Footprint({group: buffers[group]}, 0) if group in buffers else footprint(nodes[group[0]])
            for group in groups
        ),
    )


def _shortages(names: Sequence[str], memory: Memory, crowded: Mapping[int, tuple[int, ...]]) -> dict[str, str]:
    return {
        names[device]: shortage(names[device], memory.have[device], memory.need(nodes))
        for device, nodes in crowded.items()
    }


def _pieces(
    name: str, nodes: Sequence[int], groups: Sequence[tuple[int, ...]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A region of the solver's by the network's own numbers; of an FPGA one for each design, in an order in which they
    can run."""
    if takes_designs(name):
        yield from ((name, groups[node]) for node in nodes)
    else:
        yield name, tuple(sorted(old for new in nodes for old in groups[new]))


def device_watts(name: str, board: Board, offers: Sequence[Offer]) -> float:
    """What a device draws while it works; designs of one bitstream may work at the same time."""
    if kind(name) == "cpu":
        return processor_profile(board).watts
    if not takes_designs(name):
        return _ACCELERATOR_W
    dynamic = {offer.region.overlay: 0.0 for offer in offers}
    for offer in offers:
        report = offer.region.report
        assert report is not None
        dynamic[offer.region.overlay] += report.energy_uj / report.latency_us - board.power.static_w
    return board.power.static_w + max(dynamic.values(), default=0.0)


def reconfiguration_seconds(regions: Iterable[Region], board: Board) -> float:
    """What each region on the FPGA waits for its bitstream: nothing where all of them share one."""
    overlays = {region.overlay for region in regions if region.design is not None}
    return _RECONFIGURATION_S * board.resources.lut / _RECONFIGURED_LUTS if len(overlays) > 1 else 0.0


def transfer_seconds(name: str, device: Device, board: Board, count: int) -> float:
    """Time for `count` bytes between the host's memory and a device; an FPGA's launch, which starts its copies too, is
    counted apart."""
    if kind(name) == "cpu":
        return 0.0
    if takes_designs(name):
        return count / board.link.bytes_per_s
    return _COPY_S + float(count / getattr(device, "link_bytes_per_s", _COPY_BYTES_PER_S))


def _problem(task: Task) -> Problem:
    network = task.network
    flows = _flows(network)
    sizes = [sample_bytes(value) for value in flows]
    rows = [_row(task, rank, sizes) for rank in range(len(task.devices))]
    able, work, launch, links = (np.stack(column) for column in zip(*rows, strict=True))
    return Problem(network.predecessors, tuple(flows.values()), able > 0, work, launch, links, links.copy())


def _flows(network: Network) -> dict[ir.Value, Flow]:
    """What every value of a network connects; constants are on every device."""
    number = {node: index for index, node in enumerate(network.nodes)}
    readers: dict[ir.Value, set[int]] = {value: set() for value in network.model.graph.outputs}
    for index, node in enumerate(network.nodes):
        for value in read_values(node):
            if not value.is_initializer():
                readers.setdefault(value, set()).add(index)
    outputs = set(network.model.graph.outputs)
    found = {}
    for value, nodes in readers.items():
        producer = value.producer()
        found[value] = Flow(-1 if producer is None else number[producer], tuple(sorted(nodes)), value in outputs)
    return found


def _row(task: Task, rank: int, sizes: Sequence[int]) -> tuple[Floats, ...]:
    """One device's part of the problem: able (as 0 and 1), work, launch and links."""
    name, network = list(task.devices)[rank], task.network
    able = np.array([not takes_designs(name) and not task.refusal(name, node) for node in network.nodes], np.float64)
    watts = device_watts(name, task.board, ())
    single, steady, start = _node_seconds(task, name, able)
    moved = np.array([transfer_seconds(name, task.devices[name], task.board, size) for size in sizes], np.float64)
    shares = rank * (np.array(network.work) + _TINY) / (sum(network.work) + _TINY)
    spent = (
        Spent(single, steady, single * watts, shares),
        Spent(*np.array([start, start / BATCH, start * watts, SMALLEST_SHARE])),
        Spent(moved, moved, moved * watts, 0 * moved),
    )
    return able, *(task.wish.criteria(each, rank, len(task.devices)) for each in spent)


def _node_seconds(task: Task, name: str, able: Floats) -> tuple[Floats, Floats, float]:
    """Seconds of each node for one sample and in a batch, and of a region's start."""
    nodes, device = task.network.nodes, task.devices[name]
    if kind(name) == "cpu":
        profile = processor_profile(task.board)
        single, batched = (
            np.array([profile.seconds([node], samples) - profile.run_s / samples for node in nodes], np.float64)
            for samples in (1, BATCH)
        )
        return single, batched, profile.run_s
    if not able.any():
        return 0 * able, 0 * able, 0.0

    def estimate(*numbers: int) -> float:
        return device.estimate(Region("", name, task.network.names(numbers), (), (), task.network.model)).seconds

    start = estimate()
    single = np.array([max(0.0, estimate(number) - start) if can else 0.0 for number, can in enumerate(able)])
    return single, single, start


def _with_offers(problem: Problem, task: Task, offers: Sequence[Offer]) -> tuple[Problem, tuple[tuple[int, ...], ...]]:
    """The problem with each of the FPGA's regions as one node that runs there and nowhere else."""
    part, groups = contracted(problem, [offer.numbers for offer in offers])
    rank = next(index for index, name in enumerate(task.devices) if takes_designs(name))
    waiting_s = reconfiguration_seconds((offer.region for offer in offers), task.board)
    for offer in offers:
        whole = next(index for index, group in enumerate(groups) if offer.numbers[0] in group)
        part.able[rank, whole] = True
        spent = _spent_on(task, offer, rank, waiting_s)
        part.work[rank, whole] = task.wish.criteria(spent, rank, len(task.devices))
    for borders in (part.up, part.down, part.launch):
        borders[rank] = 0.0  # counted with the regions themselves
    return part, groups


def _spent_on(task: Task, offer: Offer, rank: int, waiting_s: float) -> Spent:
    """What an FPGA's region takes, with its bitstream, its launch, its streams and their packing; the host's processor
    is busy with the last three. A batch is packed before it runs, so packing shares no time with the fabric."""
    report = offer.region.report
    assert report is not None
    board, work = task.board, task.network.work
    launch, moved = board.link.launch_us * 1e-6, stream_bytes(offer.region) / board.link.bytes_per_s
    interval = report.interval_cycles.worst * report.clock_ns * 1e-9
    packed = report.copy_us * 1e-6
    waiting = (launch + moved + packed) * processor_profile(board).watts + waiting_s * board.power.static_w
    share = rank * sum(work[number] for number in offer.numbers) / (sum(work) + _TINY)
    return Spent(
        seconds=np.array(report.latency_us * 1e-6 + launch + moved + packed + waiting_s),
        steady_s=np.array(max(interval, moved) + packed + (launch + waiting_s) / BATCH),
        joules=np.array(report.energy_uj * 1e-6 + waiting),
        share=np.array(share),
    )


def cheapest_cuts(task: Task, offer: Offer, parts: Iterable[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
    """Of the convex parts of an offer at most `count` that may cost less than the whole, best guess first.

    A part is guessed to take its share of the whole's time and energy by its work, a launch, and the transfer of what
    crosses its border; everything else runs on the one other device that makes this cheapest. There is no such part
    where no other device can run everything else.
    """
    problem, goal = task.problem, Goal(task.wish.max_latency_s)
    rank = next(index for index, name in enumerate(task.devices) if takes_designs(name))
    launch_s = task.board.link.launch_us * 1e-6
    watts, flows = processor_profile(task.board).watts, _flows(task.network)
    total = sum(task.network.work[number] for number in offer.numbers) + _TINY

    def spent(part: Sequence[int], fixed: float) -> Floats:
        steady = fixed - launch_s * (1 - 1 / BATCH)
        own = Spent(*np.array([fixed, steady, fixed * watts, 0.0]))
        return task.wish.criteria(own, rank, len(task.devices))

    whole = task.wish.criteria(_spent_on(task, offer, rank, 0.0), rank, len(task.devices))
    scaled = np.maximum(whole - spent(offer.numbers, launch_s), 0)

    def guess(part: tuple[int, ...]) -> float:
        rest = sorted(set(range(problem.count)) - set(part))
        moved = sum(_border_bytes(flows, part)) / task.board.link.bytes_per_s
        share = sum(task.network.work[number] for number in part) / total
        own = scaled * share + spent(part, launch_s + moved)
        others = [
            goal.value(own + problem.work[device, rest].sum(axis=0) + problem.launch[device] * bool(rest))
            for device in range(len(task.devices))
            if problem.able[device, rest].all()
        ]
        return min(others, default=inf)

    limit = guess(offer.numbers)
    guesses = sorted((guess(part), part) for part in set(parts))
    return [part for value, part in guesses[:count] if value < limit]


def _border_bytes(flows: Mapping[ir.Value, Flow], part: Sequence[int]) -> Iterator[int]:
    """Bytes of each value that crosses the border of a set of nodes, as the network holds it."""
    inside = set(part)
    for value, flow in flows.items():
        readers = set(flow.consumers)
        leaves = flow.producer in inside and (flow.kept or readers - inside)
        if leaves or (flow.producer not in inside and readers & inside):
            yield sample_bytes(value)


def stream_bytes(region: Region) -> int:
    """Bytes of one sample through the streams of an FPGA region, both ways."""
    assert region.design is not None
    return sum(tensor.stream_bytes for end in ends(region.design) for tensor in end)


def _affordable(watts: Sequence[float], wish: Wish) -> Iterator[tuple[int, ...]]:
    """Sets of devices that keep the limit of power and that no device could be added to."""
    everything = range(len(watts))
    kept: list[set[int]] = []
    for size in reversed(range(1, len(watts) + 1)):
        for chosen in combinations(everything, size):
            within = wish.max_power_w is None or sum(watts[index] for index in chosen) <= wish.max_power_w
            if within and not any(set(chosen) <= other for other in kept):
                kept.append(set(chosen))
                yield chosen


def _only(problem: Problem, allowed: Sequence[int]) -> Problem:
    able = problem.able.copy()
    able[[index for index in range(len(able)) if index not in allowed]] = False
    return replace(problem, able=able)
