"""Parts of an FPGA region that may cost less than the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builder import Builder

pytest.importorskip("hls4ml")

import weft
from weft.boards import Board, load_board
from weft.hls.load import load
from weft.host import fpga_region
from weft.host.device import Device, Region
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice
from weft.host.fpga_region import FpgaPlanner, fixed_point
from weft.host.graph import read_network
from weft.host.objectives import Wish
from weft.host.placement import Offer, Task, cheapest_cuts
from weft.host.plan import Configuration
from weft.host.regions import parts
from weft.host.steering import Steering


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Costs by the board's figures, whatever was measured of this machine."""
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))


def offered(mhz: float, objective: str = "latency") -> tuple[Task, Offer]:
    """A network of which all could go to the FPGA, beside a processor of this clock."""
    board = load_board("pynq-z2")
    speed = mhz / board.host.mhz
    host = replace(board.host, mhz=mhz, gflops_per_s=board.host.gflops_per_s * speed)
    board = replace(board, host=host, link=replace(board.link, launch_us=1.0))
    configuration = Configuration("io_stream", 10.0)
    net = Builder((16,)).dense(16, 4).node("Relu").dense(4, 24).node("Relu").dense(24, 24)
    model, _ = fixed_point(load(net.proto(24)), configuration, None)
    network, device = read_network(model), FpgaDevice("fpga", board)
    numbers = tuple(range(len(network.nodes)))
    region = FpgaPlanner("net", network, board, device, configuration).region(numbers, board)
    devices: dict[str, Device] = {"fpga": device, "cpu": CpuDevice(board)}
    return Task(network, devices, board, Steering(), Wish(objective)), Offer(numbers, region)


def cuts(task: Task, offer: Offer, count: int = 2) -> list[tuple[int, ...]]:
    return cheapest_cuts(task, offer, parts(offer.numbers, offer.numbers, task.network.predecessors), count)


def test_no_part_is_tried_beside_a_slow_processor() -> None:
    assert cuts(*offered(mhz=20)) == []


@pytest.mark.parametrize("objective", ["latency", "throughput", "energy"])
def test_few_parts_are_tried_beside_a_quick_processor(objective: str) -> None:
    task, offer = offered(mhz=9000, objective=objective)
    assert len(cuts(task, offer)) <= 2
    problem = task.problem
    problem.work[1] = problem.launch[1] = 0  # a processor that takes no time: a part saves all that it leaves out
    found = cuts(task, offer)
    assert len(found) == 2
    assert all(set(part) < set(offer.numbers) for part in found)
    assert len(cuts(task, offer, count=1)) == 1


def test_there_is_no_part_where_nothing_else_can_run_the_rest() -> None:
    task, offer = offered(mhz=9000)
    alone = Task(task.network, {"fpga": task.devices["fpga"]}, task.board, task.steering, task.wish)
    assert cuts(alone, offer) == []


def test_a_plan_by_cost_tries_parts(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    region = FpgaPlanner.region

    def counted(self: FpgaPlanner, numbers: Sequence[int], room: Board) -> Region:
        seen.append(tuple(numbers))
        return region(self, numbers, room)

    def first_two(_: Task, offer: Offer, possible: Iterable[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
        return sorted(possible)[:count]

    monkeypatch.setattr(FpgaPlanner, "region", counted)
    monkeypatch.setattr(fpga_region, "cheapest_cuts", first_two)
    weft.plan(mlp, board="kv260", objective="throughput")
    whole = set(seen[0])
    assert [set(part) < whole for part in seen] == [False, True, True]
    seen.clear()
    weft.plan(mlp, board="kv260")
    assert [set(part) for part in seen] == [whole]
