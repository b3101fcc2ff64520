"""Memory as a constraint of a split: weights stay on their device, and the activations of one sample pass through it.

A split that is too large for a device is solved again with fewer nodes allowed there: first those that can run nowhere
else, then those that the split had there, by what they gain a byte or as far as they fit in order. What is allowed then
fits as a whole, so each device is restricted once at most, and no split of what is allowed exceeds it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
import onnx_ir as ir

from weft.boards import Board
from weft.host.cost import processor_memory_bytes
from weft.host.device import Device
from weft.host.devices.names import kind, takes_designs
from weft.host.graph import read_values
from weft.host.problem import Floats, Goal, Piece, Problem
from weft.host.solver import Solution, solve
from weft.host.tables import size
from weft.host.work import sample_bytes


@dataclass(frozen=True)
class Footprint:
    """Bytes of what stays on a device, each thing once however many nodes read it, and of what passes at one time."""

    resident: Mapping[Hashable, int]
    activations: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self.resident.values()) + self.activations


@dataclass(frozen=True)
class Memory:
    """Bytes of each device (infinite where they are not known), and what each node of a problem holds."""

    have: tuple[float, ...]
    footprints: tuple[Footprint, ...]

    def need(self, nodes: Iterable[int]) -> Footprint:
        """What nodes hold together."""
        resident: dict[Hashable, int] = {}
        activations = 0
        for node in nodes:
            resident.update(self.footprints[node].resident)
            activations = max(activations, self.footprints[node].activations)
        return Footprint(resident, activations)

    def filled(self, device: int, nodes: Iterable[int]) -> list[int]:
        """Those of `nodes` that fit into a device, the earlier ones first."""
        kept, resident, held, activations = list[int](), set[Hashable](), 0, 0
        for node in nodes:
            own = self.footprints[node]
            more = held + sum(count for thing, count in own.resident.items() if thing not in resident)
            most = max(activations, own.activations)
            if more + most <= self.have[device]:
                kept.append(node)
                resident.update(own.resident)
                held, activations = more, most
        return kept

    def overfull(self, pieces: Sequence[Piece]) -> tuple[int, tuple[int, ...]] | None:
        """A device whose memory is too small for what a split puts there, and those nodes; None where all fit."""
        for device, have in enumerate(self.have):
            nodes = tuple(node for piece in pieces if piece.device == device for node in piece.nodes)
            if nodes and self.need(nodes).bytes > have:
                return device, nodes
        return None


@dataclass(frozen=True)
class Fitted:
    """The best split found that every device has memory for (None: none was), a value that no such split's is below,
    and the nodes that devices would have had without their limit."""

    solution: Solution | None
    bound: float
    crowded: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def memory_bytes(name: str, device: Device, board: Board) -> float:
    """The memory that a device's weights and activations, or its DMA buffers, must lie in; infinite if not known."""
    if takes_designs(name):
        return board.memory.bytes
    return processor_memory_bytes(board) if kind(name) == "cpu" else float(getattr(device, "memory_bytes", inf))


def footprint(node: ir.Node) -> Footprint:
    """What a node holds: the weights that it reads, and its inputs and outputs of one sample."""
    values = {*read_values(node), *node.outputs}
    weights: dict[Hashable, int] = {value: _weight_bytes(value) for value in values if value.is_initializer()}
    return Footprint(weights, sum(sample_bytes(value) for value in values if value not in weights))


def shortage(name: str, have: float, need: Footprint) -> str:
    """A sentence where a device has too little memory for something; empty where it has enough."""
    if need.bytes <= have:
        return ""
    weights = size(sum(need.resident.values()))
    parts = f"weights of {weights} and {size(need.activations)} for one sample's activations"
    return f"{name} has {size(max(0.0, have))} and this would need {size(need.bytes)}: {parts}"


def solve_within(problem: Problem, goal: Goal, memory: Memory) -> Fitted:
    """The best split found that no device's memory is too small for; the unlimited problem's best where that fits."""
    free = solve(problem, goal)
    crowded: dict[int, tuple[int, ...]] = {}
    fitted = _fitted(problem, goal, memory, free, crowded)
    bound = inf if free is None else free.bound
    return Fitted(None if fitted is None else replace(fitted, bound=bound), bound, crowded)


def _fitted(
    problem: Problem, goal: Goal, memory: Memory, found: Solution | None, crowded: dict[int, tuple[int, ...]]
) -> Solution | None:
    """A split of the problem, `found` if it fits, or else one with a device restricted; `crowded` gets that device."""
    if found is None:
        return None
    over = memory.overfull(found.pieces)
    if over is None:
        return found
    device, nodes = over
    crowded.setdefault(device, nodes)
    trials = [(part, solve(part, goal)) for part in _restricted(problem, goal, memory, device, nodes)]
    solved = sorted(((part, each) for part, each in trials if each is not None), key=lambda trial: trial[1].value)
    fitting = (_fitted(part, goal, memory, each, crowded) for part, each in solved)
    return next((each for each in fitting if each is not None), None)


def _restricted(problem: Problem, goal: Goal, memory: Memory, device: int, nodes: Sequence[int]) -> Iterator[Problem]:
    """The problem with as many nodes allowed on a device as fit there, chosen in two ways."""
    able, there = np.flatnonzero(problem.able[device]), set(nodes)
    others = np.delete(problem.able, device, axis=0)
    gains = _gains(problem, goal, device)
    ranks = (
        lambda node: -gains[node] / max(1, sum(memory.footprints[node].resident.values())),
        lambda node: node,
    )
    for rank in ranks:
        wanted = sorted(map(int, able), key=lambda node: (others[:, node].any(), node not in there, rank(node)))
        allowed = problem.able.copy()
        allowed[device] = False
        allowed[device, memory.filled(device, wanted)] = True
        yield replace(problem, able=allowed)


def _gains(problem: Problem, goal: Goal, device: int) -> Floats:
    """(n,): what each node costs on the best other device beyond what it costs here, by the objective; 0 where it can
    run on no other."""
    objective = problem.work[..., : problem.criteria - (goal.limit is not None)].sum(axis=-1)
    elsewhere = np.where(problem.able, objective, inf)
    elsewhere[device] = inf
    best = elsewhere.min(axis=0)
    return np.where(np.isfinite(best), best - objective[device], 0.0)


def _weight_bytes(value: ir.Value) -> int:
    constant = value.const_value
    return sample_bytes(value) if constant is None else int(constant.nbytes)
