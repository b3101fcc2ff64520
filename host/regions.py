"""Split a network's graph into one accelerator region and what comes before and after it.

Nodes are numbered in topological order and sets of nodes are Python integers used as bit sets, so reachability over
thousands of nodes stays cheap. A region must be *convex*: no path may leave it and come back, otherwise the region
and the rest of the network would each wait for the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_


@dataclass(frozen=True)
class Split:
    """Node numbers in the order in which they can run: `before`, then `region`, then `after`."""

    before: tuple[int, ...]
    region: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Reach:
    """For each node the sets it touches: all that lead to it, all it leads to, and its direct neighbours."""

    ancestors: tuple[int, ...]
    descendants: tuple[int, ...]
    neighbours: tuple[int, ...]


def reach(predecessors: Sequence[Sequence[int]]) -> Reach:
    """Reachability of a graph given by each node's predecessors (all numbered lower than the node)."""
    count = len(predecessors)
    ancestors, descendants, neighbours = [0] * count, [0] * count, [0] * count
    for node, before in enumerate(predecessors):
        for other in before:
            ancestors[node] |= ancestors[other] | 1 << other
            neighbours[node] |= 1 << other
            neighbours[other] |= 1 << node
    for node in reversed(range(count)):
        for other in predecessors[node]:
            descendants[other] |= descendants[node] | 1 << node
    return Reach(tuple(ancestors), tuple(descendants), tuple(neighbours))


def members(nodes: int) -> Iterator[int]:
    """The numbers in a bit set, ascending."""
    while nodes:
        lowest = nodes & -nodes
        yield lowest.bit_length() - 1
        nodes ^= lowest


def closure(nodes: int, reached: Reach) -> int:
    """The smallest convex set that holds `nodes`."""
    above = reduce(or_, (reached.ancestors[node] for node in members(nodes)), 0)
    below = reduce(or_, (reached.descendants[node] for node in members(nodes)), 0)
    return nodes | (above & below)


def candidates(supported: Sequence[bool], reached: Reach) -> list[tuple[int, ...]]:
    """Maximal convex connected sets of supported nodes, each node in at most one of them.

    A set is grown by a neighbour together with every node on a path between: where one of those is unsupported, no
    convex set can hold both, so what is left at the end cannot be enlarged.
    """
    allowed = sum(1 << node for node, able in enumerate(supported) if able)
    free, found = allowed, []
    while free:
        region = free & -free
        border = reached.neighbours[region.bit_length() - 1]
        tried = region
        while rest := border & free & ~tried:
            node = rest & -rest
            tried |= node
            grown = closure(region | node, reached)
            if grown & ~free == 0:
                for new in members(grown & ~region):
                    border |= reached.neighbours[new]
                region = grown
                tried |= grown
        found.append(tuple(members(region)))
        free &= ~region
    return found


def split(predecessors: Sequence[Sequence[int]], supported: Sequence[bool], work: Sequence[float]) -> Split:
    """Choose the candidate with the most work; its ancestors come before it, everything else after.

    Ancestors are closed under "leads to", so `before` needs nothing of the region, and by convexity the region needs
    nothing of `after`: the three parts can always run in this order.
    """
    reached = reach(predecessors)
    found = candidates(supported, reached)
    everything = (1 << len(predecessors)) - 1
    if not found:
        return Split((), (), tuple(members(everything)))
    best = max(found, key=lambda region: (sum(work[node] for node in region), len(region), -region[0]))
    inside = sum(1 << node for node in best)
    before = reduce(or_, (reached.ancestors[node] for node in best), 0) & ~inside
    return Split(tuple(members(before)), best, tuple(members(everything & ~before & ~inside)))
