"""Regions of random graphs: convex, connected and maximal, and their parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.host.regions import candidates, closure, members, parts, reach, separable

Graph = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, list[bool]]:
    """A random directed acyclic graph (predecessors of each node) and which nodes are supported."""
    count = draw(st.integers(1, 14))
    predecessors = [
        sorted(draw(st.sets(st.integers(0, node - 1), max_size=3))) if node else [] for node in range(count)
    ]
    return predecessors, draw(st.lists(st.booleans(), min_size=count, max_size=count))


def paths_between(predecessors: Graph, inside: set[int]) -> set[int]:
    """Nodes outside `inside` that lie on a path from it to it, found by walking (the oracle for `closure`)."""

    def leads(source: int, target: int) -> bool:
        return source in predecessors[target] or any(leads(source, step) for step in predecessors[target])

    return {
        node
        for node in range(len(predecessors))
        if node not in inside and any(leads(a, node) for a in inside) and any(leads(node, b) for b in inside)
    }


@given(graphs())
def test_candidates_are_convex_connected_and_disjoint(case: tuple[Graph, list[bool]]) -> None:
    predecessors, supported = case
    found = candidates(supported, reach(predecessors))
    assert sorted(node for region in found for node in region) == [n for n, able in enumerate(supported) if able]
    for region in found:
        inside = set(region)
        assert not paths_between(predecessors, inside)
        seen, todo = {region[0]}, [region[0]]
        while todo:
            node = todo.pop()
            for other in inside - seen:
                if other in predecessors[node] or node in predecessors[other]:
                    seen.add(other)
                    todo.append(other)
        assert seen == inside


@given(graphs())
def test_the_first_candidate_cannot_be_enlarged(case: tuple[Graph, list[bool]]) -> None:
    predecessors, supported = case
    reached = reach(predecessors)
    for region in candidates(supported, reached)[:1]:
        inside = sum(1 << node for node in region)
        for node in range(len(predecessors)):
            touches = any(node in predecessors[other] or other in predecessors[node] for other in region)
            if supported[node] and node not in region and touches:
                grown = closure(inside | 1 << node, reached)
                assert not all(supported[member] for member in members(grown))


@given(graphs(), st.data())
def test_parts_are_convex_and_make_up_the_region(case: tuple[Graph, list[bool]], data: st.DataObject) -> None:
    predecessors, supported = case
    for region in candidates(supported, reach(predecessors)):
        start = data.draw(st.sampled_from(region))
        found = list(parts(region, [start], predecessors))
        for part in found:
            assert not paths_between(predecessors, set(part))
        if found:
            below, rest = found
            assert sorted((*below, *rest)) == list(region)
            assert start in below
            assert not any(other in below for node in rest for other in predecessors[node])


def test_a_constant_goes_with_its_only_reader() -> None:
    # 0 -> 1 -> 3, and 2, a constant's scale, -> 3.
    assert list(parts((0, 1, 2, 3), [3], [[], [0], [], [1, 2]])) == [(2, 3), (0, 1)]


def test_an_unsupported_bypass_does_not_enter_the_region() -> None:
    # 0 -> 1 -> 3 and 0 -> 2 -> 3, where 2 cannot run on the FPGA: 0 and 3 must not share a region.
    found = candidates([True, True, False, True], reach([[], [0], [0], [1, 2]]))
    assert found == [(0, 1), (3,)]


@given(graphs(), st.data())
def test_separable_sets_leave_no_circle(case: tuple[Graph, list[bool]], data: st.DataObject) -> None:
    """Against Kahn's algorithm on the graph in which each set is one node."""
    predecessors, supported = case
    reached = reach(predecessors)
    found = candidates(supported, reached)
    sets = data.draw(st.lists(st.sampled_from(found), max_size=4, unique=True)) if found else []
    owner = {node: index for index, nodes in enumerate(sets) for node in nodes}
    whole = [owner.get(node, len(sets) + node) for node in range(len(predecessors))]
    edges = {(whole[a], whole[b]) for b, before in enumerate(predecessors) for a in before if whole[a] != whole[b]}
    left = set(whole)
    while ready := {node for node in left if not any(b == node and a in left for a, b in edges)}:
        left -= ready
    assert separable(sets, reached) == (not left)


def test_sets_that_wait_for_each_other_are_not_separable() -> None:
    """0 -> 2 and 1 -> 3: {0, 3} and {1, 2} are convex, and each needs the other."""
    reached = reach([[], [], [0], [1]])
    assert not separable([(0, 3), (1, 2)], reached)
    assert separable([(0, 2), (1, 3)], reached)
    assert not separable([(0, 2), (2,)], reached)
