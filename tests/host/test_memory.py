"""Memory as a constraint: no split exceeds a device's, and where there is enough the split is as without."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import onnx_ir as ir
import pytest
from builder import Builder
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.boards import load_board
from weft.hls.load import load
from weft.host import cost
from weft.host.device import Device
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice
from weft.host.memory import Fitted, Footprint, Memory, footprint, memory_bytes, shortage, solve_within
from weft.host.problem import Flow, Goal, Problem
from weft.host.solver import solve

GOALS = st.sampled_from([Goal(), Goal(2000.0)])


def chain(seed: int, count: int, devices: int, goal: Goal) -> Problem:
    """A chain of nodes with whole costs; the last device can run everything, at the highest costs."""
    random = np.random.default_rng(seed)
    flows = [Flow(node - 1, (node,)) for node in range(count)] + [Flow(count - 1, (), kept=True)]
    able = random.random((devices, count)) < 0.9
    able[-1] = True
    criteria = 1 + (goal.limit is not None)
    work = random.integers(1, 20, (devices, count, criteria)).astype(np.float64)
    work[-1] += 20
    links = random.integers(0, 3, (devices, count + 1, criteria)).astype(np.float64)
    before = tuple((node - 1,) if node else () for node in range(count))
    return Problem(before, tuple(flows), able, work, np.ones((devices, criteria)), links, links.copy())


def memory(seed: int, count: int, have: list[float]) -> Memory:
    """Nodes with a weight of their own and one that every third shares."""
    random = np.random.default_rng(seed)
    footprints = tuple(
        Footprint({node: int(own), **({"shared": 50} if node % 3 == 0 else {})}, int(passing))
        for node, (own, passing) in enumerate(random.integers(0, 100, (count, 2)))
    )
    return Memory(tuple(have), footprints)


def check_fits(found: Fitted, given_memory: Memory) -> None:
    assert found.solution is not None
    for device, have in enumerate(given_memory.have):
        held, activations = dict[object, int](), 0
        for piece in found.solution.pieces:
            for node in piece.nodes if piece.device == device else ():
                held.update(given_memory.footprints[node].resident)
                activations = max(activations, given_memory.footprints[node].activations)
        assert sum(held.values()) + activations <= have


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 14), st.lists(st.integers(0, 900), min_size=1, max_size=2), GOALS
)  # fmt: skip
def test_no_device_holds_more_than_it_has(seed: int, count: int, small: list[int], goal: Goal) -> None:
    problem, given_memory = chain(seed, count, len(small) + 1, goal), memory(seed, count, [*small, inf])
    found = solve_within(problem, goal, given_memory)
    check_fits(found, given_memory)
    free = solve(problem, goal)
    assert free is not None
    assert found.solution is not None
    assert found.bound == found.solution.bound == free.bound <= found.solution.value


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 14), GOALS)
def test_enough_memory_changes_nothing(seed: int, count: int, goal: Goal) -> None:
    problem = chain(seed, count, 3, goal)
    enough = memory(seed, count, [100 * count + 150] * 3)
    found = solve_within(problem, goal, enough)
    assert found.solution == solve(problem, goal)
    assert not found.crowded


def even_chain(count: int) -> Problem:
    """Nodes that cost 1 on device 0 and 10 on device 1; a crossing costs 3."""
    flows = [Flow(node - 1, (node,)) for node in range(count)] + [Flow(count - 1, (), kept=True)]
    work = np.ones((2, count, 1)) * np.array([1.0, 10.0])[:, None, None]
    links = np.zeros((2, count + 1, 1))
    links[0] = 3.0
    before = tuple((node - 1,) if node else () for node in range(count))
    return Problem(before, tuple(flows), np.ones((2, count), np.bool_), work, np.zeros((2, 1)), links, links.copy())


def test_equal_nodes_fill_a_device_without_gaps() -> None:
    footprints = tuple(Footprint({node: 100}, 7) for node in range(40))
    found = solve_within(even_chain(40), Goal(), Memory((1207.0, inf), footprints)).solution
    assert found is not None
    assert [(piece.device, len(piece.nodes)) for piece in found.pieces] == [(0, 12), (1, 28)]
    assert found.value == 12 + 280 + 6


def test_what_two_devices_have_together_is_used() -> None:
    footprints = tuple(Footprint({node: 100}, 7) for node in range(40))
    found = solve_within(even_chain(40), Goal(), Memory((1207.0, 2807.0), footprints))
    check_fits(found, Memory((1207.0, 2807.0), footprints))
    short = solve_within(even_chain(40), Goal(), Memory((1207.0, 2806.0), footprints))
    assert short.solution is None
    assert short.bound == 46
    assert set(short.crowded) == {0, 1}


def test_a_node_holds_its_weights_and_what_passes() -> None:
    network = load(Builder((16,)).dense(16, 8).node("Relu").proto(8))
    held = [footprint(node) for node in network.graph]
    assert sum(sum(each.resident.values()) for each in held) == 4 * (16 * 8 + 8)
    assert max(each.activations for each in held) == 4 * (16 + 8)
    assert [each.activations for node, each in zip(network.graph, held, strict=True) if node.op_type == "Relu"] == [64]


def test_weights_of_few_bits_take_few_bytes() -> None:
    weight = ir.Value(name="w", const_value=ir.tensor(np.zeros((4, 6), np.int8), ir.DataType.INT8))
    x = ir.Value(name="x", shape=ir.Shape(["N", 4]), type=ir.TensorType(ir.DataType.FLOAT))
    node = ir.Node("", "MatMulInteger", [x, weight])
    ir.Graph([x], list(node.outputs), nodes=[node], initializers=[weight])
    assert footprint(node).resident == {weight: 24}


def test_devices_say_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "kept_profile", lambda: None)
    board, card = load_board("pynq-z2"), load_board("alveo-u280")
    cpu: Device = CpuDevice(board)
    assert memory_bytes("cpu", cpu, board) == 512 * 2**20
    assert memory_bytes("cpu", CpuDevice(card), card) == inf
    assert memory_bytes("fpga", FpgaDevice("fpga", board), board) == 512 * 2**20
    measured = replace(cost.board_profile(board), measured=True)
    monkeypatch.setattr(cost, "kept_profile", lambda: measured)
    assert memory_bytes("cpu", cpu, board) not in (512 * 2**20, inf)


def test_a_shortage_is_said_in_figures() -> None:
    need = Footprint({"w": 9 * 2**30}, 2**20)
    assert shortage("opencl", 9 * 2**30 + 2**20, need) == ""
    assert shortage("opencl", 8 * 2**30, need) == (
        "opencl has 8.0 GiB and this would need 9.0 GiB: weights of 9.0 GiB and 1.0 MiB for one sample's activations"
    )
