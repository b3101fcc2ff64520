"""Several regions on one FPGA: the best split around each set of them, by exhaustive search, and never a circle."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import inf

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_splits import is_acyclic, partitions, random_problem
from small_designs import dense_design

from weft.boards import load_board
from weft.host import placement
from weft.host.device import Device, Region
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice
from weft.host.graph import Network
from weft.host.objectives import Wish
from weft.host.placement import Offer, Task, place, reconfiguration_seconds
from weft.host.problem import Piece, Problem, price
from weft.host.regions import closure, members, reach, separable
from weft.host.steering import Steering
from weft.sim import Range, estimate

BOARD = load_board("pynq-z2")
DESIGN = dense_design()
LAUNCH_S = BOARD.link.launch_us * 1e-6  # what the random problems' whole numbers stand for


def region(cycles: int, overlay: str) -> Region:
    """A region whose design takes so many cycles."""
    model = ir.Model(ir.Graph([], [], nodes=[]), ir_version=10)
    report = replace(estimate(DESIGN, BOARD), latency_cycles=Range(cycles, cycles))
    return Region("", "fpga", (), (), (), model, design=DESIGN, report=report, overlay=overlay)


def on_cpu_only(problem: Problem) -> Problem:
    """Device 0, the FPGA, takes offers only; device 1 can run everything at costs that are in launches."""
    costs = {name: getattr(problem, name) * LAUNCH_S for name in ("work", "launch", "up", "down")}
    costs["up"][1] = costs["down"][1] = 0
    return replace(problem, able=np.array([[False] * problem.count, [True] * problem.count]), **costs)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Problem, list[Offer]]:
    """A problem of up to six nodes and up to three offers, which may share nodes and may wait for each other."""
    problem = on_cpu_only(random_problem(draw(st.integers(0, 10**6)), draw(st.integers(2, 6))))
    reached = reach(problem.predecessors)
    overlays = draw(st.sampled_from([("overlay0",) * 3, ("overlay0", "overlay1", "overlay2")]))
    offers = []
    for overlay in overlays[: draw(st.integers(1, 3))]:
        some = draw(st.sets(st.integers(0, problem.count - 1), min_size=1, max_size=3))
        numbers = tuple(members(closure(sum(1 << node for node in some), reached)))
        offers.append(Offer(numbers, region(draw(st.integers(1, 200_000)), overlay)))
    return problem, offers


def exhaustive(problem: Problem, offers: tuple[Offer, ...]) -> float:
    """The least latency of all ways to part what offers leave into regions of the processor; infinite where they cannot
    go to the FPGA together."""
    taken = [list(offer.numbers) for offer in offers]
    free = sorted(set(range(problem.count)) - {node for each in taken for node in each})
    if len(free) + sum(map(len, taken)) > problem.count:
        return inf  # two offers share a node
    waiting_s = reconfiguration_seconds((offer.region for offer in offers), BOARD)
    on_fpga = sum(alone_s(offer) + waiting_s for offer in offers)
    splits = (rest for rest in partitions(free) if is_acyclic(problem, [*taken, *rest]))
    costs = (price(problem, [Piece(1, tuple(part)) for part in rest]) for rest in splits)
    return min((on_fpga + float(cost[0]) for cost in costs), default=inf)


def alone_s(offer: Offer) -> float:
    """Seconds of a region: its latency, a launch, its streams' bytes, and packing them."""
    assert offer.region.report is not None
    values_bytes = 4 * sum(DESIGN.tensors[name].size for name in (*DESIGN.inputs, *DESIGN.outputs))
    packed = values_bytes / BOARD.host.copy_bytes_per_s
    streams = sum(DESIGN.tensors[name].stream_bytes for name in (*DESIGN.inputs, *DESIGN.outputs))
    return offer.region.report.latency_us * 1e-6 + LAUNCH_S + streams / BOARD.link.bytes_per_s + packed


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(markets())
def test_every_set_of_offers_is_placed_as_well_as_an_exhaustive_search_does(
    monkeypatch: pytest.MonkeyPatch, market: tuple[Problem, list[Offer]]
) -> None:
    problem, offers = market
    monkeypatch.setattr(placement, "_problem", lambda _: problem)
    nodes = tuple(ir.Node("", "Relu", [], num_outputs=1, name=f"n{number}") for number in range(problem.count))
    network = Network(region(1, "").model, nodes, problem.predecessors, (1.0,) * problem.count)
    devices: dict[str, Device] = {"fpga": FpgaDevice("fpga", BOARD), "cpu": CpuDevice(BOARD)}
    job = Task(network, devices, BOARD, Steering(), Wish("latency"))
    for size in range(len(offers) + 1):
        for chosen in combinations(offers, size):
            best = exhaustive(problem, chosen)
            together = separable([offer.numbers for offer in chosen], reach(problem.predecessors))
            assert together == (best < inf)
            if together:
                found = place(job, chosen)
                assert found is not None
                assert found.solution.value == pytest.approx(best)
                check_order(problem, [nodes for _, nodes in found.pieces])


def check_order(problem: Problem, pieces: list[tuple[int, ...]]) -> None:
    """Every node once, and nothing before what it needs."""
    done: set[int] = set()
    for nodes in pieces:
        assert not done & set(nodes)
        assert all(set(problem.predecessors[node]) <= done | set(nodes) for node in nodes)
        done |= set(nodes)
    assert done == set(range(problem.count))
