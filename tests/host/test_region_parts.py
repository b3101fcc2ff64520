"""Parts of a region that fits: offered where the processor would take the rest for less, and only there."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

pytest.importorskip("hls4ml")

import weft
from weft.boards import Board, load_board
from weft.host import fpga_region
from weft.host.device import Region
from weft.host.graph import read_network
from weft.host.region_parts import Whole, gaining_parts

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits_cnn.onnx"


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plans by the board's figures, whatever was measured of this machine."""
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))


def with_processor(times: float) -> Board:
    """A KV260 whose processor and memory are so many times as fast, and whose FPGA costs next to nothing to launch."""
    board = load_board("kv260")
    own = board.host
    host = replace(own, gflops_per_s=own.gflops_per_s * times, mhz=own.mhz * times, copy_bytes_per_s=1e12)
    memory = replace(board.memory, bytes_per_s=board.memory.bytes_per_s * times)
    return replace(board, host=host, memory=memory, link=replace(board.link, launch_us=0.01))


@pytest.mark.parametrize("objective", ["latency", "throughput", "energy"])
def test_parts_are_offered_only_where_the_processor_is_quick(objective: str) -> None:
    plan = weft.plan(DIGITS, board="kv260", devices="fpga")
    network = read_network(plan.model)
    (region,) = plan.regions
    numbers = tuple(index for index, node in enumerate(network.nodes) if node.name in set(region.nodes))
    quick, slow = (Whole(network, numbers, region, with_processor(times)) for times in (100.0, 0.01))
    found = gaining_parts(quick, objective, inf)
    assert found
    assert all(0 < len(part) < len(numbers) and set(part) < set(numbers) for part in found)
    assert gaining_parts(slow, objective, inf) == []
    assert gaining_parts(quick, objective, known=0.0) == []


def test_a_part_is_taken_where_it_costs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipeline the processor takes the convolutions, of the longest interval, while the FPGA has the rest."""

    def planned() -> weft.Plan:
        return weft.plan(DIGITS, board="kv260", objective="throughput", pins="node_linear=fpga")

    best = planned()
    monkeypatch.setattr(fpga_region, "gaining_parts", lambda *_: [])
    whole = planned()
    assert [region.device for region in whole.regions] == ["fpga"]
    assert [region.device for region in best.regions] == ["cpu", "fpga"]
    assert best.value < 0.95 * whole.value
    assert best.bound <= best.value


def test_few_parts_are_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes seconds: of many that would gain no more than three."""
    tuned = list[int]()
    region_of = fpga_region.FpgaPlanner.region

    def counted(self: fpga_region.FpgaPlanner, numbers: list[int], room: Board) -> Region:
        tuned.append(len(numbers))
        return region_of(self, numbers, room)

    monkeypatch.setattr(fpga_region.FpgaPlanner, "region", counted)
    weft.plan(DIGITS, board=with_processor(100.0), objective="latency", pins="node_linear=fpga")
    assert len(tuned) == 4
    tuned.clear()
    weft.plan(DIGITS, board="pynq-z2", objective="throughput")
    assert len(tuned) == 1
