"""Random graphs with costs, and the best split of a small one by exhaustive search."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf

import numpy as np

from weft.host.problem import Floats, Flow, Goal, Piece, Problem, price

DEVICES = 2


def earlier(random: np.random.Generator, node: int) -> list[int]:
    """Up to two of the four nodes before a node."""
    return sorted(set(random.integers(max(0, node - 4), node, random.integers(0, 3)).tolist())) if node else []


def random_problem(seed: int, count: int, criteria: int = 1, devices: int = DEVICES, chain: bool = False) -> Problem:
    """A random graph; costs are whole numbers, so that sums are exact, and device 0 can run everything."""
    random = np.random.default_rng(seed)
    before = [[node - 1] * (node > 0) if chain else earlier(random, node) for node in range(count)]
    flows = [Flow(-1, (0,))]
    for node in range(count):
        consumers = tuple(other for other in range(count) if node in before[other])
        flows.append(Flow(node, consumers, kept=not consumers or bool(random.integers(0, 6) == 0)))
    able = random.random((devices, count)) < 0.8
    able[0] = True

    def costs(*shape: int) -> Floats:
        return random.integers(0, 12, (*shape, criteria)).astype(np.float64)

    links = costs(devices, len(flows)), costs(devices, len(flows))
    for link in links:
        link[0] = 0
    return Problem(
        tuple(map(tuple, before)), tuple(flows), able, costs(devices, count), costs(devices) + np.float64(1), *links
    )


def partitions(nodes: list[int]) -> Iterator[list[list[int]]]:
    """Every way to part a set."""
    if not nodes:
        yield []
        return
    for rest in partitions(nodes[1:]):
        yield [[nodes[0]], *rest]
        for index in range(len(rest)):
            yield [*rest[:index], [nodes[0], *rest[index]], *rest[index + 1 :]]


def is_acyclic(problem: Problem, parts: list[list[int]]) -> bool:
    """Whether the parts can run one after the other."""
    owner = {node: index for index, part in enumerate(parts) for node in part}
    needs = [{owner[o] for n in part for o in problem.predecessors[n]} - {i} for i, part in enumerate(parts)]
    done: set[int] = set()
    while len(done) < len(parts):
        ready = {index for index, needed in enumerate(needs) if index not in done and needed <= done}
        if not ready:
            return False
        done |= ready
    return True


def exhaustive(problem: Problem, goal: Goal) -> float:
    """The best value of all acyclic partitions and all devices for their parts."""
    best = inf
    for parts in partitions(list(range(problem.count))):
        if not is_acyclic(problem, parts):
            continue
        choices = [
            [price(problem, [Piece(d, tuple(part))]) for d in range(len(problem.able)) if problem.able[d, part].all()]
            for part in parts
        ]
        for costs in product(*choices):
            best = min(best, goal.value(np.sum(costs, axis=0)))
    return best
