"""What is to be placed, in numbers: nodes, values, and what each costs on each device by each criterion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flow:
    """A value: the node that makes it (-1: an input of the network), the nodes that read it, and whether the network
    gives it out."""

    producer: int
    consumers: tuple[int, ...]
    kept: bool = False


@dataclass(frozen=True)
class Piece:
    """Node numbers, ascending, that run together on one device."""

    device: int
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """D devices, n nodes numbered in topological order, V values, K criteria; every cost is 0 or more.

    `able` (D, n) says what can run where; `work` (D, n, K), `launch` (D, K) once a region, `up` and `down` (D, V, K)
    for a value that enters or leaves a region on a device.
    """

    predecessors: tuple[tuple[int, ...], ...]
    flows: tuple[Flow, ...]
    able: NDArray[np.bool_]
    work: Floats
    launch: Floats
    up: Floats
    down: Floats

    @property
    def count(self) -> int:
        """Number of nodes."""
        return len(self.predecessors)

    @property
    def criteria(self) -> int:
        """Number of criteria."""
        return int(self.launch.shape[1])

    @cached_property
    def reads(self) -> tuple[tuple[int, ...], ...]:
        """For each node the values it reads."""
        found: list[list[int]] = [[] for _ in self.predecessors]
        for number, flow in enumerate(self.flows):
            for node in flow.consumers:
                found[node].append(number)
        return tuple(tuple(each) for each in found)

    @cached_property
    def makes(self) -> tuple[tuple[int, ...], ...]:
        """For each node the values it makes that somebody needs."""
        found: list[list[int]] = [[] for _ in self.predecessors]
        for number, flow in enumerate(self.flows):
            if flow.producer >= 0 and (flow.consumers or flow.kept):
                found[flow.producer].append(number)
        return tuple(tuple(each) for each in found)

    def weighted(self, weights: Sequence[float]) -> Problem:
        """The same with one criterion: the weighted sum of all."""
        scale = np.asarray(weights, np.float64)
        costs = {name: getattr(self, name) @ scale for name in ("work", "launch", "up", "down")}
        return replace(self, **{name: cost[..., None] for name, cost in costs.items()})


@dataclass(frozen=True)
class Goal:
    """What to minimise: the largest of all criteria, the last apart where `limit` bounds that one."""

    limit: float | None = None

    def value(self, totals: Iterable[float]) -> float:
        """The value of a split by its totals; infinite beyond the limit."""
        return float(self.values(np.array(list(totals))))

    def values(self, totals: Floats) -> Floats:
        """The values of many splits, (...), by their totals, (..., K)."""
        if self.limit is None:
            return np.asarray(totals.max(axis=-1))
        worst = totals[..., :-1].max(axis=-1)
        return np.where(totals[..., -1] > self.limit * (1 + 1e-12), inf, worst)


def price(problem: Problem, pieces: Iterable[Piece]) -> Floats:
    """What regions cost together, (K,)."""
    total = np.zeros(problem.criteria)
    for piece in pieces:
        inside, device = set(piece.nodes), piece.device
        total += problem.launch[device] + problem.work[device, list(piece.nodes)].sum(axis=0)
        entering = {value for node in piece.nodes for value in problem.reads[node]}
        for value in entering:
            if problem.flows[value].producer not in inside:
                total += problem.up[device, value]
        for value in (value for node in piece.nodes for value in problem.makes[node]):
            flow = problem.flows[value]
            if flow.kept or any(node not in inside for node in flow.consumers):
                total += problem.down[device, value]
    return total


def contracted(problem: Problem, sets: Sequence[Sequence[int]]) -> tuple[Problem, tuple[tuple[int, ...], ...]]:
    """The problem with each set of nodes as one node, and for each new node the old ones that it stands for.

    `sets` are `separable` (weft.host.regions). Their new nodes can run nowhere yet and cost nothing: the caller gives
    them a device.
    """
    inside = {node for nodes in sets for node in nodes}
    alone = [(node,) for node in range(problem.count) if node not in inside]
    groups = _topological([*alone, *map(tuple, sets)], problem)
    number = {old: new for new, group in enumerate(groups) for old in group}
    predecessors = tuple(
        tuple(sorted({number[other] for old in group for other in problem.predecessors[old]} - {new}))
        for new, group in enumerate(groups)
    )
    flows, kept = [], []
    for index, flow in enumerate(problem.flows):
        maker = number.get(flow.producer, -1)
        consumers = tuple(sorted({number[node] for node in flow.consumers} - {maker}))
        if consumers or flow.kept:
            flows.append(Flow(maker, consumers, flow.kept))
            kept.append(index)
    wholes = [number[nodes[0]] for nodes in sets]
    first = [group[0] for group in groups]
    able, work = problem.able[:, first].copy(), problem.work[:, first].copy()
    able[:, wholes], work[:, wholes] = False, 0.0
    up, down = problem.up[:, kept], problem.down[:, kept]
    part = Problem(predecessors, tuple(flows), able, work, problem.launch.copy(), up, down)
    return part, groups


def _topological(groups: list[tuple[int, ...]], problem: Problem) -> tuple[tuple[int, ...], ...]:
    """Groups in an order in which they can run, lowest node first; being separable makes sure there is one."""
    owner = {node: index for index, group in enumerate(groups) for node in group}
    needs = [
        {owner[other] for node in group for other in problem.predecessors[node]} - {index}
        for index, group in enumerate(groups)
    ]
    placed: list[int] = []
    done: set[int] = set()

    def place(start: int) -> None:
        stack = [(start, iter(sorted(needs[start])))]
        while stack:
            index, rest = stack[-1]
            following = next((each for each in rest if each not in done), None)
            if following is None:
                stack.pop()
                if index not in done:
                    done.add(index)
                    placed.append(index)
            else:
                stack.append((following, iter(sorted(needs[following]))))

    for index in sorted(range(len(groups)), key=lambda each: groups[each][0]):
        place(index)
    return tuple(groups[index] for index in placed)
