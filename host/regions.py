"""Regions of a network's graph that one device could take.

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


def separable(sets: Sequence[Sequence[int]], reached: Reach) -> bool:
    """Whether convex sets share no node and none of them waits for itself by way of others."""
    masks = [sum(1 << node for node in nodes) for nodes in sets]
    if any(one & other for index, one in enumerate(masks) for other in masks[:index]):
        return False
    needed = [reduce(or_, (reached.ancestors[node] for node in nodes), 0) for nodes in sets]
    waiting = {
        index: {other for other, mask in enumerate(masks) if mask & before} - {index}
        for index, before in enumerate(needed)
    }
    while ready := [index for index, before in waiting.items() if not before & waiting.keys()]:
        for index in ready:
            del waiting[index]
    return not waiting


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


def parts(
    region: Sequence[int], starts: Sequence[int], predecessors: Sequence[Sequence[int]]
) -> Iterator[tuple[int, ...]]:
    """Two convex parts for each node of `starts`, all of the convex `region`: what lies below it, and the rest.

    Below are the node, what it leads to, and what leads only there (constants' scales, say), so that no constant is
    cut off from its only reader.
    """
    inside = sum(1 << node for node in region)
    reached = reach(predecessors)
    followers = [0] * len(predecessors)
    for node, before in enumerate(predecessors):
        for other in before:
            followers[other] |= 1 << node
    for start in starts:
        below = (1 << start | reached.descendants[start]) & inside
        for node in reversed(region):
            alone = not reached.ancestors[node] and followers[node] and not followers[node] & ~below
            if alone and not reached.ancestors[node] and node != start:
                below |= 1 << node
        yield from (tuple(members(part)) for part in (below, inside & ~below) if part and part != inside)
