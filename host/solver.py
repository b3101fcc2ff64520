"""Split a graph over devices at the least cost.

A split is a chain of regions, each on one device, in an order in which they can run: every region is the difference
of two sets of nodes that are closed under "comes before", so it is convex and regions never wait for each other in a
circle. A region costs its device's launch, its nodes, and every value that crosses its border: `up` to bring a value
in, once a region however many nodes read it, and `down` to hand one out.

Small graphs are solved exactly over all such sets (Lawler's dynamic programming over ideals, with Pareto labels where
there is more than one criterion). Larger ones are cut along a few topological orders, each cut being the best of its
order; a relaxation (`weft.host.bound`) says how far from the optimum the result can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from weft.host.orders import best_of_orders
from weft.host.problem import Goal, Piece, Problem, price
from weft.host.regions import members

_ALWAYS_EXACT = 8  # nodes, and 256 ideals at most
_MOST_IDEALS = 257
_MOST_STEPS = 50_000  # comparisons of labels in larger graphs: about 0.1 s


@dataclass(frozen=True)
class Solution:
    """Regions in an order in which they can run; `totals` by criterion, and no split's value is below `bound`."""

    pieces: tuple[Piece, ...]
    totals: tuple[float, ...]
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the value may be above the best one's, as a share of it; 0 where it is known to be the best."""
        return relative_gap(self.value, self.bound)


def relative_gap(value: float, bound: float) -> float:
    """How far a value lies above a bound, as a share of the value; 0 where it is rounding."""
    return 0.0 if value - bound <= 1e-9 * value else (value - bound) / value


def solve(problem: Problem, goal: Goal) -> Solution | None:
    """The best split found, with a bound; None where some node can run nowhere or no split keeps the goal's limit."""
    if problem.count == 0:
        return Solution((), (0.0,) * problem.criteria, 0.0, 0.0)
    if not problem.able.any(axis=0).all():
        return None
    pieces, bound = exactly(problem, goal) or best_of_orders(problem, goal)
    totals = price(problem, pieces)
    value = goal.value(totals)
    if not pieces or not isfinite(value):
        return None
    return Solution(tuple(pieces), tuple(map(float, totals)), value, value if bound is None else min(bound, value))


# ---------------------------------------------------------------- exactly, over all ideals


@dataclass(frozen=True)
class _Label:
    """One way to have run a set of nodes, by the last region's device and the label before it."""

    totals: tuple[float, ...]
    device: int = -1
    inside: int = 0
    before: _Label | None = None


def exactly(problem: Problem, goal: Goal) -> tuple[list[Piece], None] | None:
    """The optimum, or None where the graph has too many ideals or the labels become too many."""
    needs = [sum(1 << other for other in before) for before in problem.predecessors]
    ideals = _ideals(needs)
    if ideals is None:
        return None
    steps = 0
    costs: dict[tuple[int, int], tuple[float, ...]] = {}
    found: dict[int, list[_Label]] = {0: [_Label((0.0,) * problem.criteria)]}
    for ideal in ideals[:-1]:  # by size, so everything that leads to an ideal comes before it; the last is the whole
        labels = found.pop(ideal, [])
        for device in range(len(problem.able)):
            for region in _regions_above(needs, ideal, problem.able[device]):
                if (device, region) not in costs:
                    costs[device, region] = tuple(price(problem, [Piece(device, tuple(members(region)))]))
                rivals = found.setdefault(ideal | region, [])
                steps += len(labels) * (10 + len(rivals))  # a region's own cost is as ten comparisons
                if steps > _MOST_STEPS and problem.count > _ALWAYS_EXACT:
                    return None
                for label in labels:
                    totals = tuple(a + b for a, b in zip(label.totals, costs[device, region], strict=True))
                    _keep(rivals, _Label(totals, device, region, label))
    best = min(found.get(ideals[-1], []), key=lambda label: goal.value(label.totals), default=None)
    return _pieces(best), None


def _ideals(needs: Sequence[int]) -> list[int] | None:
    """Every set that holds all predecessors of its members, smaller ones first; None where there are too many."""
    found, layer = [0], {0}
    while layer := {ideal | 1 << node for ideal in layer for node in _ready(needs, ideal)}:
        found.extend(sorted(layer))
        if len(found) > _MOST_IDEALS:
            return None
    return found


def _ready(needs: Sequence[int], ideal: int) -> Iterator[int]:
    """Nodes outside whose predecessors are all inside."""
    for node, needed in enumerate(needs):
        if not ideal >> node & 1 and not needed & ~ideal:
            yield node


def _regions_above(needs: Sequence[int], ideal: int, able: NDArray[np.bool_]) -> Iterator[int]:
    """Every set of able nodes that can run next, once `ideal` has run."""
    seen, todo = {0}, [0]
    while todo:
        region = todo.pop()
        for node in _ready(needs, ideal | region):
            grown = region | 1 << node
            if able[node] and grown not in seen:
                seen.add(grown)
                todo.append(grown)
                yield grown


def _keep(labels: list[_Label], new: _Label) -> None:
    """Add a label unless another is as good in every criterion; drop those it makes needless."""
    if any(all(a <= b for a, b in zip(old.totals, new.totals, strict=True)) for old in labels):
        return
    labels[:] = [old for old in labels if not all(a <= b for a, b in zip(new.totals, old.totals, strict=True))]
    labels.append(new)


def _pieces(label: _Label | None) -> list[Piece]:
    found: list[Piece] = []
    while label is not None and label.before is not None:
        found.insert(0, Piece(label.device, tuple(members(label.inside))))
        label = label.before
    return found
