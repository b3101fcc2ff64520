"""Placing a network on a processor and an accelerator that has some of its operators, by a device made for the test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import onnx_ir as ir
import pytest
from builder import Builder

from weft.boards import load_board
from weft.hls.load import load
from weft.host import assembly, placement
from weft.host.assembly import regions_of, transfers_of
from weft.host.device import Cost, Device, Program, Region
from weft.host.devices.cpu import CpuDevice
from weft.host.graph import read_network
from weft.host.objectives import Wish
from weft.host.placement import Task, crowding, place
from weft.host.steering import Steering

BOARD = load_board("zcu104")


@dataclass
class Accelerator:
    """Runs Gemm's parts and Relu; a launch takes 10 us, a node 1 us, and its link carries 1 GB/s."""

    name: str = "opencl"
    link_bytes_per_s: float = 1e9
    node_s: float = 1e-6
    memory_bytes: float = inf

    def supports(self, node: ir.Node) -> str:
        return "" if node.op_type in ("MatMul", "Add", "Relu") else f"no kernel for {node.op_type}"

    def estimate(self, region: Region) -> Cost:
        return Cost(seconds=10e-6 + self.node_s * len(region.nodes))

    def prepare(self, region: Region) -> Program:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to release."""


@pytest.fixture(autouse=True)
def any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices that weft does not bring, too."""
    for module in (placement, assembly):
        monkeypatch.setattr(module, "kind", lambda name: name.partition("@")[0])


def task(wish: Wish, accelerator: Accelerator, width: int = 64, erfs: int = 1) -> Task:
    net = Builder((width,)).dense(width, width)
    for _ in range(erfs):
        net = net.node("Erf").dense(width, width).node("Relu")
    devices: dict[str, Device] = {"opencl": accelerator, "cpu": CpuDevice(BOARD)}
    return Task(read_network(load(net.proto(width))), devices, BOARD, Steering(), wish)


def kinds(job: Task) -> list[str]:
    placed = place(job)
    assert placed is not None
    return [name for name, _ in placed.pieces]


def test_preference_leaves_to_the_processor_what_the_accelerator_lacks() -> None:
    job = task(Wish(), Accelerator())
    placed = place(job)
    assert placed is not None
    regions = regions_of(job, placed, ())
    assert [region.name for region in regions] == ["opencl0", "cpu0", "opencl1"]
    assert regions[0].reason == "preferred, and it can run them"
    assert regions[1].reason.endswith(": no kernel for Erf")
    moves = transfers_of(regions, job.devices, BOARD)
    assert [(move.source, move.target) for move in moves] == [
        ("host", "opencl0"), ("opencl0", "cpu0"), ("cpu0", "opencl1"), ("opencl1", "host")
    ]  # fmt: skip
    assert [move.bytes for move in moves] == [256] * 4
    assert all(move.predicted_s == pytest.approx(5e-6 + 256e-9) for move in moves)


def test_preference_makes_no_region_for_a_hundredth_of_the_work() -> None:
    """128 pieces of work between operators that the accelerator lacks: none is worth a region."""
    assert kinds(task(Wish(), Accelerator(), width=4, erfs=128)) == ["cpu"]


@pytest.mark.parametrize("objective", ["latency", "throughput", "energy"])
@pytest.mark.parametrize("node_s", [1e-9, 1e-6, 1e-3])
def test_never_worse_than_the_processor(objective: str, node_s: float) -> None:
    job = task(Wish(objective), Accelerator(node_s=node_s), width=512)
    both, alone = place(job), place(replace(job, devices={"cpu": job.devices["cpu"]}))
    assert both is not None
    assert alone is not None
    assert both.solution.value <= alone.solution.value
    assert both.solution.gap == 0  # few enough nodes to be solved exactly


def test_latency_is_what_regions_and_transfers_add_up_to() -> None:
    job = task(Wish("latency"), Accelerator(node_s=1e-9), width=512)
    placed = place(job)
    assert placed is not None
    regions = regions_of(job, placed, ())
    assert "opencl" in {region.device for region in regions}
    moves = transfers_of(regions, job.devices, BOARD)
    total = sum(region.predicted_s for region in regions) + sum(move.predicted_s for move in moves)
    assert placed.solution.value == pytest.approx(total)


def test_a_slow_accelerator_is_left_alone() -> None:
    assert kinds(task(Wish("latency"), Accelerator(node_s=1e-2))) == ["cpu"]


def test_power_and_latency_limits_leave_out_devices() -> None:
    quick = Accelerator(node_s=1e-9)
    assert "opencl" in kinds(task(Wish("latency", max_power_w=100), quick, width=512))
    assert kinds(task(Wish("latency", max_power_w=10), quick, width=512)) == ["cpu"]
    assert place(task(Wish("latency", max_power_w=1), quick)) is None
    assert place(task(Wish("energy", max_latency_s=1e-9), quick)) is None


def test_what_is_forbidden_is_not_placed() -> None:
    job = task(Wish(), Accelerator())
    job = replace(job, steering=Steering(operators=frozenset({("opencl", "MatMul")})))
    placed = place(job)
    assert placed is not None
    operators = {job.network.nodes[n].op_type for name, nodes in placed.pieces for n in nodes if name == "opencl"}
    assert "MatMul" not in operators


@pytest.mark.parametrize("objective", ["preference", "latency", "throughput", "energy"])
@pytest.mark.parametrize("room", [1.0, 0.6, 0.3])
def test_memory_moves_what_it_has_no_room_for(objective: str, room: float) -> None:
    """Seven products of 256 x 256 between operators that the accelerator lacks: all are worth a region of their own."""
    whole = 7 * 4 * (256 * 256 + 256) + 2 * 4 * 256  # weights and biases, and a product's input and output
    job = task(Wish(objective), Accelerator(node_s=1e-9, link_bytes_per_s=1e12), width=256, erfs=6)
    free = place(job)
    small = Accelerator(node_s=1e-9, link_bytes_per_s=1e12, memory_bytes=room * whole)
    job = replace(job, devices={"opencl": small, "cpu": job.devices["cpu"]})
    placed = place(job)
    assert free is not None
    assert placed is not None
    there = {job.network.nodes[n] for name, numbers in placed.pieces for n in numbers if name == "opencl"}
    weights = {value for node in there for value in node.inputs if value is not None and value.is_initializer()}
    assert sum(value.const_value.nbytes for value in weights if value.const_value) + 2048 <= room * whole
    assert placed.solution.bound == free.solution.bound <= placed.solution.value
    used = any(name == "opencl" for name, _ in free.pieces)
    reasons = [region.reason for region in regions_of(job, placed, ()) if region.device == "cpu"]
    if room == 1.0 or not used:
        assert placed.pieces == free.pieces
    else:
        assert any("opencl has" in reason and "and this would need 1.8 MiB" in reason for reason in reasons)


def test_a_node_beyond_a_device_stays_off_it() -> None:
    job = task(Wish(), Accelerator(memory_bytes=4 * 64 * 64))
    placed = place(job)
    assert placed is not None
    products = [number for number, node in enumerate(job.network.nodes) if node.op_type in ("MatMul", "Gemm")]
    assert {name for name, numbers in placed.pieces for number in numbers if number in products} == {"cpu"}
    assert job.refusal("opencl", job.network.nodes[products[0]]).startswith("opencl has 16.0 KiB and this would need 1")


def test_without_memory_anywhere_it_is_said_who_lacks_how_much() -> None:
    small = replace(BOARD, memory=replace(BOARD.memory, bytes=100_000))
    job = task(Wish("latency"), Accelerator(memory_bytes=20_000), width=64, erfs=9)
    job = replace(job, board=small, devices={"opencl": job.devices["opencl"], "cpu": CpuDevice(small)})
    assert place(job) is None
    assert "cpu has 97.7 KiB and this would need" in crowding(job)
    assert crowding(task(Wish("latency", max_power_w=1), Accelerator())) == ""
