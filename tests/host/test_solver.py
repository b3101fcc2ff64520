"""Splits against exhaustive search: the best, never worse than one device, never cyclic, quick, an honest bound."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_splits import exhaustive, random_problem

from weft.host.bound import lower_bound
from weft.host.orders import best_of_orders, cut
from weft.host.problem import Flow, Goal, Piece, Problem, contracted, price
from weft.host.solver import exactly, solve


def check_runs(problem: Problem, pieces: tuple[Piece, ...]) -> None:
    """Every node once, where it can run, and nothing before what it needs."""
    done: set[int] = set()
    for piece in pieces:
        inside = set(piece.nodes)
        assert problem.able[piece.device, list(piece.nodes)].all()
        assert not inside & done
        for node in inside:
            assert set(problem.predecessors[node]) <= done | inside
        done |= inside
    assert done == set(range(problem.count))


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([1, 2]), st.sampled_from([None, 10, 25]))
def test_a_small_graph_is_solved_exactly(seed: int, count: int, objectives: int, limit: float | None) -> None:
    problem = random_problem(seed, count, objectives + (limit is not None))
    goal = Goal(limit)
    found = solve(problem, goal)
    best = exhaustive(problem, goal)
    if found is None:
        assert best == inf
        return
    check_runs(problem, found.pieces)
    assert found.value == best == goal.value(price(problem, found.pieces))
    assert found.bound == best
    assert found.gap == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_eight_nodes_are_solved_exactly(seed: int) -> None:
    problem = random_problem(seed, 8)
    found = solve(problem, Goal())
    assert found is not None
    assert found.value == exhaustive(problem, Goal())


def test_eight_nodes_without_an_edge_are_still_solved_exactly() -> None:
    problem = random_problem(3, 8)
    loose = Problem(((),) * 8, tuple(Flow(n, (), kept=True) for n in range(8)), problem.able, problem.work,
                    problem.launch, problem.up[:, :8], problem.down[:, :8])  # fmt: skip
    assert exactly(loose, Goal()) is not None


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from([1, 2]), st.sampled_from([None, 20]))
def test_orders_and_bound_enclose_the_optimum(seed: int, count: int, objectives: int, limit: float | None) -> None:
    problem, goal = random_problem(seed, count, objectives + (limit is not None)), Goal(limit)
    exact = exactly(problem, goal)
    assert exact is not None
    best = goal.value(price(problem, exact[0])) if exact[0] else inf
    pieces, bound = best_of_orders(problem, goal)
    assert bound <= best * (1 + 1e-9)
    if pieces:
        check_runs(problem, tuple(pieces))
        assert goal.value(price(problem, pieces)) >= best * (1 - 1e-9)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([1, 3]))
def test_never_worse_than_one_device_and_never_cyclic(seed: int, count: int, criteria: int) -> None:
    problem = random_problem(seed, count, criteria, devices=3)
    found = solve(problem, Goal())
    assert found is not None
    check_runs(problem, found.pieces)
    for device, able in enumerate(problem.able):
        if able.all():
            assert found.value <= Goal().value(price(problem, [Piece(device, tuple(range(count)))]))


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_a_chain_is_cut_at_its_best_places(seed: int, count: int) -> None:
    problem = random_problem(seed, count, chain=True)
    pieces = cut(problem, list(range(count)))
    assert Goal().value(price(problem, pieces)) == exhaustive(problem, Goal())


@given(st.integers(0, 10**6))
def test_the_relaxation_of_a_chain_is_the_optimum(seed: int) -> None:
    problem = random_problem(seed, 60, chain=True)
    plain = Problem(problem.predecessors, tuple(Flow(f.producer, f.consumers, kept=f.producer == 59) for f in
                    problem.flows), problem.able, problem.work, problem.launch, problem.up, problem.down)  # fmt: skip
    best = Goal().value(price(plain, cut(plain, list(range(60)))))
    assert lower_bound(plain).value == pytest.approx(best)


@pytest.mark.parametrize(("count", "criteria"), [(200, 1), (200, 3), (2000, 1)])
def test_large_graphs_have_a_split_and_a_bound(count: int, criteria: int) -> None:
    """How long that takes is in tests/bench/bench_plan.py."""
    problem = random_problem(7, count, criteria, devices=3)
    found = solve(problem, Goal())
    assert found is not None
    assert 0 < found.bound <= found.value
    check_runs(problem, found.pieces)


def test_what_cannot_run_has_no_split() -> None:
    problem = random_problem(0, 4)
    problem.able[:, 2] = False
    assert solve(problem, Goal()) is None
    assert solve(random_problem(0, 4, 2), Goal(limit=0.5)) is None


@given(st.integers(0, 10**6), st.integers(2, 9), st.data())
def test_contracting_keeps_what_runs_before_what(seed: int, count: int, data: st.DataObject) -> None:
    problem = random_problem(seed, count)
    end = data.draw(st.integers(1, count))
    start = data.draw(st.integers(0, end - 1))
    part, groups = contracted(problem, [range(start, end)])  # a stretch of a topological order is convex
    assert sorted(node for group in groups for node in group) == list(range(count))
    for new, before in enumerate(part.predecessors):
        assert all(other < new for other in before)
    whole = next(index for index, group in enumerate(groups) if start in group)
    assert not part.able[:, whole].any()
