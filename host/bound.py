"""A lower bound on what any split of a graph costs, by one criterion.

The relaxation keeps a forest of the graph's edges: every node hangs on at most one of the values it reads, and every
value carries its transfer on at most one edge. On one longest path of the forest each change of device is also a launch
(two regions on one device with another between them are two by convexity), off it launches are free. Dropping the
other edges only makes splits cheaper, and the best labels of a forest are found by dynamic programming from its leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.host.problem import Floats, Problem


@dataclass(frozen=True)
class Relaxed:
    """The relaxation's optimum, and the device it gives to each node."""

    value: float
    devices: tuple[int, ...]


def lower_bound(problem: Problem) -> Relaxed:
    """The relaxation's optimum for a problem with one criterion in which every node can run somewhere."""
    parents = _forest(problem)
    spine = _spine(problem, parents)
    count = problem.count
    best = np.where(problem.able, problem.work[..., 0], np.inf) + _ends(problem)  # (D, n): the subtree's best
    choices: list[NDArray[np.intp]] = [np.zeros(0, np.intp)] * count
    value = 0.0
    for node in reversed(range(count)):
        parent, flow = parents[node]
        if parent < 0:
            first = best[:, node] + (problem.launch[:, 0] if node in spine else 0.0)
            choices[node] = np.array([int(first.argmin())])
            value += float(first.min())
            continue
        change = problem.down[:, flow, :1] + problem.up[:, flow, 0]  # (from, to)
        if node in spine and parent in spine:
            change = change + problem.launch[:, 0]
        np.fill_diagonal(change, 0.0)
        through = change + best[:, node]
        choices[node] = through.argmin(axis=1)
        best[:, parent] += through.min(axis=1)
    devices = [0] * count
    for node, (parent, _) in enumerate(parents):
        devices[node] = int(choices[node][devices[parent] if parent >= 0 else 0])
    return Relaxed(value, tuple(devices))


def _ends(problem: Problem) -> Floats:
    """(D, n): bringing in each of the network's inputs at one of its readers, and handing out its outputs."""
    ends = np.zeros(problem.able.shape)
    for value, flow in enumerate(problem.flows):
        if flow.producer < 0 and len(flow.consumers) == 1:
            ends[:, flow.consumers[0]] += problem.up[:, value, 0]
        if flow.kept and flow.producer >= 0:
            ends[:, flow.producer] += problem.down[:, value, 0]
    return ends


def _forest(problem: Problem) -> list[tuple[int, int]]:
    """For each node the one before it that it hangs on and the value between, or (-1, -1).

    Every value is used once at most, and none that the network gives out: its way down is paid anyway. Of a node's
    values the one that lies deepest is taken, so that the forest holds a longest path.
    """
    depth = [0] * problem.count
    taken: set[int] = set()
    parents = []
    for node, reads in enumerate(problem.reads):
        depth[node] = 1 + max((depth[other] for other in problem.predecessors[node]), default=-1)
        free = [v for v in reads if problem.flows[v].producer >= 0 and v not in taken and not problem.flows[v].kept]
        best = max(free, key=lambda v: depth[problem.flows[v].producer], default=-1)
        taken.add(best)
        parents.append((problem.flows[best].producer, best) if best >= 0 else (-1, -1))
    return parents


def _spine(problem: Problem, parents: list[tuple[int, int]]) -> set[int]:
    """The longest path of the forest."""
    length = [0] * problem.count
    for node, (parent, _) in enumerate(parents):
        length[node] = 1 + (length[parent] if parent >= 0 else 0)
    node = max(range(problem.count), key=lambda each: length[each])
    path = set()
    while node >= 0:
        path.add(node)
        node = parents[node][0]
    return path
