"""Plans with several regions on the FPGA: side by side in one bitstream, or in turn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")

from builder import Builder

import weft
from weft.boards import Board, load_board
from weft.host.graph import read_network
from weft.host.plan import Plan


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stretches of dense layers with an Erf, which hls4ml lacks, between each two; the middle has most work."""
    net = Builder((16,)).dense(16, 12, name="first").node("Erf").dense(12, 24, name="second").node("Relu")
    net = net.dense(24, 24, name="third").node("Erf").dense(24, 5, name="last")
    path = tmp_path_factory.mktemp("three") / "three.onnx"
    onnx.save(net.proto(5), path)
    return path


@pytest.fixture(scope="module")
def data() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)


def board_with(share: float, launch_us: float = 940) -> Board:
    board = load_board("pynq-z2")
    counts = {name: int(count * share) for name, count in board.resources.as_dict().items()}
    return replace(board, resources=type(board.resources)(**counts), link=replace(board.link, launch_us=launch_us))


def kinds(plan: Plan) -> list[str]:
    return [region.device for region in plan.regions]


def check_runs(plan: Plan) -> None:
    """Every node runs once, and everything a region reads is there by then."""
    network = read_network(plan.model)
    assert sorted(name for region in plan.regions for name in region.nodes) == sorted(
        str(node.name) for node in network.nodes
    )
    known = {value.name for value in plan.model.graph.inputs}
    for region in plan.regions:
        assert set(region.inputs) <= known
        known |= set(region.outputs)


def test_all_that_fits_shares_a_bitstream(three: Path, data: NDArray[np.float32]) -> None:
    plan = weft.plan(three, board="pynq-z2", calibration=data)
    assert kinds(plan) == ["fpga", "cpu", "fpga", "cpu", "fpga"]
    check_runs(plan)
    assert {region.overlay for region in plan.fpga_regions} == {"overlay0"}
    assert plan.fpga_regions[0].reason.endswith("it shares overlay0 with fpga1, fpga2")
    used = [region.report.resources for region in plan.fpga_regions if region.report is not None]
    usable = plan.board.usable_resources.as_dict()
    for name, count in usable.items():
        assert sum(each.as_dict()[name] for each in used) <= count
    assert all(region.report is not None and region.report.available == plan.board.resources
               for region in plan.fpga_regions)  # fmt: skip
    with weft.Session(plan, threads=1) as session:
        (found,) = session.run(None, {"x": data})
    (expected,) = weft.Session(weft.plan(three, board="pynq-z2", devices="cpu")).run(None, {"x": data})
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_pins_that_share_no_bitstream_take_turns(three: Path, data: NDArray[np.float32]) -> None:
    """On a board that holds one of them at a time, each waits for its bitstream, and the plan says how long."""
    board = board_with(0.12)
    pins = ["second=fpga", "last=fpga"]
    plan = weft.plan(three, board=board, calibration=data, pins=pins)
    check_runs(plan)
    assert {region.overlay for region in plan.fpga_regions} == {"overlay0", "overlay1"}
    for region in plan.fpga_regions:
        assert f"{region.overlay} is loaded for it" in region.reason
    reconfiguration_s = 82.55e-3 * board.resources.lut / 53_200
    assert plan.notes[-1].startswith("No bitstream holds fpga0, fpga1 together: they take turns, and each waits")
    waits = [move.predicted_s for move in plan.transfers if move.target.startswith("fpga")]
    assert all(wait > reconfiguration_s for wait in waits)
    with weft.Session(plan, threads=1) as session:
        first, second = (session.run(None, {"x": data[:4]})[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("objective", ["latency", "throughput", "energy"])
@pytest.mark.parametrize("launch_us", [0.01, 940])
def test_several_regions_are_never_worse_than_fewer(
    three: Path, data: NDArray[np.float32], objective: str, launch_us: float
) -> None:
    """Fewer offers, as nodes are forbidden to the FPGA one stretch after the other, never lead to a better value."""
    board = board_with(1, launch_us)
    small = weft.compress(three, "fixed16", calibration=data)
    values = [
        weft.plan(small, board=board, objective=objective, pins=pins).value
        for pins in ([], ["first=cpu"], ["first=cpu", "last=cpu"], ["first=cpu", "last=cpu", "second=cpu", "third=cpu"])
    ]
    assert all(more <= fewer * (1 + 1e-9) for more, fewer in pairwise(values))


def test_latency_waits_for_no_bitstream_that_is_not_worth_it(three: Path, data: NDArray[np.float32]) -> None:
    plan = weft.plan(three, board=board_with(0.12, 0.01), objective="latency", calibration=data)
    assert len({region.overlay for region in plan.fpga_regions}) <= 1


def test_a_build_of_regions_in_turn_has_a_bitstream_each(
    three: Path, data: NDArray[np.float32], tmp_path: Path
) -> None:
    plan = weft.plan(three, board=board_with(0.12), calibration=data, pins=["second=fpga", "last=fpga"])
    made = weft.build(plan, tmp_path / "three-pynq-z2")
    assert list(made.bitstreams) == [region.overlay for region in plan.fpga_regions]
    assert len({path.name for path in made.bitstreams.values()}) == len(made.bitstreams) == len(plan.fpga_regions)
    with weft.Session(made.folder, threads=1) as session, weft.Session(plan, threads=1) as direct:
        assert session.plan.fpga_regions == plan.fpga_regions
        np.testing.assert_array_equal(session.run(None, {"x": data})[0], direct.run(None, {"x": data})[0])
    assert weft.build(plan, made.folder).reused
