"""Cut a graph along topological orders, each cut being the best that its order allows.

In one order with one criterion, the best cut is a shortest path over positions. The cost of every segment that ends at
a position is kept in one array, which each further node changes by a few slices, so 2,000 nodes take about 0.1 s.
Several criteria are weighted; the weights move towards the criterion that is too large (a subgradient method), and
every round's relaxation is a bound for the whole by weak duality.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from math import inf

import numpy as np

from weft.host.bound import lower_bound
from weft.host.problem import Floats, Goal, Piece, Problem, price

_MOST_ROUNDS, _NODE_ROUNDS = 40, 24_000  # rounds of weights, and rounds times nodes
_STEP = 0.3  # how fast weights move: of 0.1 to 4, the least gap on chains of 200 nodes


def best_of_orders(problem: Problem, goal: Goal) -> tuple[list[Piece], float]:
    """The best split found, and a value that no split's is below; no pieces where none keeps the goal's limit."""
    best: list[Piece] = []
    smallest, bound = inf, 0.0
    trials = _on_one_device(problem)
    tried: set[tuple[int, ...]] = set()
    search = _weights(problem, goal.limit)
    weights = next(search)
    while True:
        one = problem.weighted(weights)
        relaxed = lower_bound(one)
        allowance = 0.0 if goal.limit is None else weights[-1] * goal.limit
        bound = max(bound, relaxed.value - allowance)
        for order in _orders(problem, relaxed.devices):
            trials.append(cut(one, order))
            if problem.criteria > 1 and len(order) > 1 and tuple(order) not in tried:
                trials += _in_two(problem, order, goal)
                tried.add(tuple(order))
        for pieces in trials:
            value = goal.value(price(problem, pieces))
            if value < smallest:
                best, smallest = pieces, value
        if smallest <= bound * (1 + 1e-9):
            return best, bound
        try:
            weights = search.send(min((price(problem, each) for each in trials), key=lambda total: total @ weights))
        except StopIteration:
            return best, bound
        trials = []


def cut(problem: Problem, order: Sequence[int]) -> list[Piece]:
    """The cheapest split of one order, for a problem with one criterion."""
    reached, steps = np.zeros(len(order) + 1), []
    for end, costs in enumerate(segments(problem, order), 1):
        through = reached[:end] + costs[:, :end, 0]
        device, start = np.unravel_index(through.argmin(), through.shape)
        reached[end] = through[device, start]
        steps.append((int(device), int(start)))
    pieces: list[Piece] = []
    left = len(order)
    while left:
        where, begin = steps[left - 1]
        pieces.insert(0, Piece(where, tuple(sorted(order[begin:left]))))
        left = begin
    return pieces


def segments(problem: Problem, order: Sequence[int]) -> Iterator[Floats]:
    """After each node of the order an array (D, n, K): what a region from a start up to this node costs.

    It is the same array each time, right up to the node's own position as a start.
    """
    place = {node: index for index, node in enumerate(order)}
    last = [max((place[node] for node in flow.consumers), default=-1) for flow in problem.flows]
    seen = [place.get(flow.producer, -1) for flow in problem.flows]  # where a value was made or last read
    costs = np.zeros((len(problem.able), len(order), problem.criteria))
    for index, node in enumerate(order):
        costs[:, index] = problem.launch
        costs[:, : index + 1] += problem.work[:, node, None]
        costs[~problem.able[:, node], : index + 1] = inf
        for value in problem.reads[node]:
            costs[:, seen[value] + 1 : index + 1] += problem.up[:, value, None]
            seen[value] = index
            producer = problem.flows[value].producer
            if last[value] == index and producer >= 0 and not problem.flows[value].kept:
                costs[:, : place[producer] + 1] -= problem.down[:, value, None]  # nobody outside reads it any more
        for value in problem.makes[node]:
            costs[:, : index + 1] += problem.down[:, value, None]
        yield costs


def _on_one_device(problem: Problem) -> list[list[Piece]]:
    """Everything on one device, for each that can run everything."""
    whole = tuple(range(problem.count))
    return [[Piece(device, whole)] for device, able in enumerate(problem.able) if able.all()]


def _in_two(problem: Problem, order: Sequence[int], goal: Goal) -> list[list[Piece]]:
    """The best split into two regions along an order: a pipeline of two devices, which no sum of criteria shows."""
    heads, tails = [], np.zeros((len(problem.able), 0, problem.criteria))
    for tails in segments(problem, order):
        heads.append(tails[:, 0].copy())
    both = np.array(heads[:-1])[:, :, None] + tails[:, 1:].swapaxes(0, 1)[:, None]  # (n - 1, D, D, K)
    values = goal.values(both)
    if not np.isfinite(values).any():
        return []
    cut_after, first, second = (int(number) for number in np.unravel_index(values.argmin(), values.shape))
    head, tail = order[: cut_after + 1], order[cut_after + 1 :]
    return [[Piece(first, tuple(sorted(head))), Piece(second, tuple(sorted(tail)))]]


def _orders(problem: Problem, devices: Sequence[int]) -> list[list[int]]:
    """Topological orders worth cutting: as numbered; branch after branch; and one that stays on a device, as the
    relaxation has them, for as long as some node can run there."""
    plain = list(range(problem.count))
    deep = _kahn(problem, lambda node, previous: (previous not in problem.predecessors[node], -node))
    calm = _kahn(problem, lambda node, previous: (previous >= 0 and devices[node] != devices[previous], node))
    orders = [plain, deep, calm]
    return [order for index, order in enumerate(orders) if order not in orders[:index]]


def _kahn(problem: Problem, rank: Callable[[int, int], tuple[bool, int]]) -> list[int]:
    """A topological order; of the nodes that are ready, the one of the lowest rank after the one before is next."""
    waiting = [len(before) for before in problem.predecessors]
    followers: list[list[int]] = [[] for _ in waiting]
    for node, before in enumerate(problem.predecessors):
        for other in before:
            followers[other].append(node)
    ready, order, previous = {node for node, count in enumerate(waiting) if not count}, [], -1
    while ready:
        node = min(ready, key=lambda each: rank(each, previous))
        ready.remove(node)
        order.append(node)
        for other in followers[node]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.add(other)
        previous = node
    return order


def _weights(problem: Problem, limit: float | None) -> Generator[tuple[float, ...], Floats, None]:
    """Weights of the criteria, each round after the totals that the last ones led to were sent in.

    Those of the objective's criteria add up to 1 and grow where a total is large. That of the limited one is 0 at first
    and is then bisected between too small (the limit was broken) and large enough.
    """
    objective = problem.criteria - (limit is not None)
    rounds = max(3, min(_MOST_ROUNDS, _NODE_ROUNDS // problem.count)) if problem.criteria > 1 else 1
    logarithms, low, high, penalty = np.zeros(objective), 0.0, inf, 0.0
    for number in range(rounds):
        shares = np.exp(logarithms - logarithms.max())
        totals = yield (*(shares / shares.sum()), *(() if limit is None else (penalty,)))
        largest = totals[:objective].max() or 1.0
        logarithms += _STEP / (1 + number) ** 0.5 * totals[:objective] / largest
        if limit is not None:
            if totals[-1] > limit:
                low = penalty
            else:
                high = penalty
            penalty = (low + high) / 2 if high < inf else max(4 * penalty, largest / limit)
