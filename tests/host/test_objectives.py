"""Objectives, limits, pins and what is forbidden: what they do to a plan, and what is said where they cannot be met."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builder import Builder

pytest.importorskip("hls4ml")

import weft
from weft.boards import Board, load_board
from weft.boards.errors import InputError, ModelError
from weft.boards.resources import Resources
from weft.host.commands.planning import Objective
from weft.host.objectives import OBJECTIVES
from weft.host.plan import Plan


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plans by the board's figures, whatever was measured of this machine."""
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))


def fast_link() -> Board:
    """A PYNQ-Z2 whose launch is nearly free, beside a slow processor."""
    board = load_board("pynq-z2")
    return replace(board, link=replace(board.link, launch_us=0.1), host=replace(board.host, mhz=20.0))


def test_the_command_has_every_objective() -> None:
    assert tuple(each.value for each in Objective) == OBJECTIVES


def devices(plan: Plan) -> list[str]:
    return [region.device for region in plan.regions]


@pytest.mark.parametrize("objective", ["latency", "throughput", "energy"])
@pytest.mark.parametrize("board", ["pynq-z2", "kv260", "fast"])
def test_never_worse_than_one_device(mlp: Path, objective: str, board: str) -> None:
    target = fast_link() if board == "fast" else load_board(board)
    both = weft.plan(mlp, board=target, objective=objective)
    for one in ("cpu", "fpga"):
        assert both.value <= weft.plan(mlp, board=target, objective=objective, devices=one).value
    assert 0 <= both.bound <= both.value
    assert both.gap == 0


def test_latency_counts_the_launch(mlp: Path) -> None:
    slow = weft.plan(mlp, board="pynq-z2", objective="latency")
    assert devices(slow) == ["cpu"]
    assert "940 us" in slow.regions[0].reason
    assert slow.value == pytest.approx(slow.predicted_s)
    fast = weft.plan(mlp, board=fast_link(), objective="latency")
    assert devices(fast) == ["fpga"]
    assert fast.value == pytest.approx(fast.predicted_s)


def test_latency_counts_the_packing_of_streams(mlp: Path) -> None:
    board = fast_link()
    slow = replace(board, host=replace(board.host, copy_bytes_per_s=board.host.copy_bytes_per_s / 10))
    quick, late = (weft.plan(mlp, board=each, objective="latency", devices="fpga") for each in (board, slow))
    report = quick.regions[0].report
    assert report is not None
    assert report.copy_us > 0
    assert late.value - quick.value == pytest.approx(9 * report.copy_us * 1e-6)
    for plan in (quick, late):
        assert plan.value == pytest.approx(plan.predicted_s)


def test_preference_takes_the_fpga_whatever_it_costs(mlp: Path) -> None:
    assert devices(weft.plan(mlp, board="pynq-z2")) == ["fpga"]
    assert devices(weft.plan(mlp, board="pynq-z2", devices="cpu,fpga")) == ["cpu"]


def test_throughput_shares_a_launch_over_a_batch(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2", objective="throughput", devices="fpga")
    region = plan.fpga_region
    assert region is not None
    assert region.report is not None
    interval_s = region.report.interval_cycles.worst * region.report.clock_ns * 1e-9
    assert plan.value == pytest.approx(interval_s + region.report.copy_us * 1e-6 + 940e-6 / 100)


def test_energy_counts_the_waiting_host(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2", objective="energy", devices="fpga")
    region = plan.fpga_region
    assert region is not None
    assert region.report is not None
    moved_s = sum(move.predicted_s for move in plan.transfers)
    assert plan.value == pytest.approx(region.report.energy_uj * 1e-6 + 1.5 * moved_s)


def test_limits_move_the_plan_or_are_said_to_be_too_narrow(mlp: Path) -> None:
    assert devices(weft.plan(mlp, board="pynq-z2", objective="throughput", max_latency_ms=0.9)) == ["cpu"]
    assert devices(weft.plan(mlp, board="pynq-z2", max_latency_ms=0.9)) == ["cpu"]
    assert devices(weft.plan(mlp, board="pynq-z2", objective="latency", max_power_w=1.6)) == ["cpu"]
    with pytest.raises(InputError, match="no plan keeps the limits"):
        weft.plan(mlp, board="pynq-z2", objective="latency", max_latency_ms=1e-6)
    with pytest.raises(InputError, match="no plan keeps the limits"):
        weft.plan(mlp, board="pynq-z2", devices="cpu", max_power_w=1.0)
    with pytest.raises(InputError, match="max_power_w must be a positive number"):
        weft.plan(mlp, board="pynq-z2", max_power_w=float("nan"))


@pytest.mark.parametrize(("size", "error", "need"), [(2**10, InputError, "1.2 KiB"), (2**9, ModelError, "880 bytes")])
def test_without_memory_it_is_said_who_lacks_how_much(mlp: Path, size: int, error: type[Exception], need: str) -> None:
    """Weights of 1,076 bytes and 112 for activations, of which the largest node has 768 and 112."""
    small = load_board("pynq-z2")
    small = replace(small, memory=replace(small.memory, bytes=size))
    with pytest.raises(error, match=f"cpu has .* and this would need {need}"):
        weft.plan(mlp, board=small, objective="latency", devices="cpu")


def test_pins_are_kept(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2", pins="int.*=cpu")
    where = {name: region.device for region in plan.regions for name in region.nodes}
    assert where["int"] == "cpu"
    assert where['a "quoted" name'] == "fpga"
    pinned = weft.plan(mixed, board="pynq-z2", objective="latency", pins=["class=fpga"])
    assert "class" in {name for region in pinned.regions if region.device == "fpga" for name in region.nodes}


def test_pins_on_both_sides_of_what_the_fpga_lacks(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2", objective="latency", pins=[".*quoted.*=fpga", "class=fpga"])
    where = {name: region.name for region in plan.regions for name in region.nodes}
    assert (where['a "quoted" name'], where["class"]) == ("fpga0", "fpga1")


def test_what_is_forbidden_is_kept_away(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2", forbids=["fpga:Relu"])
    where = {node.name: node.op_type for node in plan.model.graph}
    assert all(where[name] != "Relu" for r in plan.regions if r.device == "fpga" for name in r.nodes)
    with pytest.raises(ModelError, match="forbidden"):
        weft.plan(mlp, board="pynq-z2", forbids=["cpu:Relu"], devices="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pins": ["nowhere.*=fpga"]}, "is of no node's name"),
        ({"pins": [".*erf.*=fpga"]}, "Erf"),
        ({"pins": ["class=opencl"]}, "not among the devices"),
        ({"pins": ["class"]}, "PATTERN=DEVICE"),
        ({"pins": ["(class=fpga"]}, "cannot be read at"),
        ({"forbids": ["Softmax"]}, "DEVICE:OPERATOR"),
        ({"forbids": ["gpu:Softmax"]}, "'gpu', which is not among the devices"),
    ],
)
def test_what_cannot_be_met_is_said(mixed: Path, options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        weft.plan(mixed, board="pynq-z2", **options)  # type: ignore[arg-type]


def test_a_part_goes_to_the_fpga_where_the_whole_does_not_fit(cnn: Path) -> None:
    board = load_board("pynq-z2")
    whole = weft.plan(cnn, board=board, reuse_factor=10**6, strategy="resource").fpga_region
    assert whole is not None
    assert whole.report is not None
    small = replace(board, resources=Resources(**{**board.resources.as_dict(), "lut": whole.report.resources.lut}))
    plan = weft.plan(cnn, board=small, reuse_factor=10**6, strategy="resource")
    assert "fpga" in devices(plan)
    assert "cpu" in devices(plan)
    assert plan.rejected is not None
    assert not plan.rejected.fits
    assert any("Only a part goes to the FPGA" in note for note in plan.notes)
    assert not weft.simulate(cnn, board=small, reuse_factor=10**6, strategy="resource").fits


def test_a_pin_to_the_fpga_that_does_not_fit_is_an_error(mlp: Path) -> None:
    tiny = replace(load_board("pynq-z2"), resources=Resources(lut=900, ff=900, dsp=2, bram18=1))
    with pytest.raises(InputError, match="too few"):
        weft.plan(mlp, board=tiny, pins=[".*=fpga"])


def test_a_free_length_stays_off_the_fpga() -> None:
    """Only the batch is free in a design; a size makes a design of it, and so does one for what was compressed."""
    proto = Builder((16,)).node("Relu").proto(16)
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim.add().dim_value = 16
        value.type.tensor_type.shape.dim[1].dim_param = "length"
    plan = weft.plan(proto, board="pynq-z2")
    assert devices(plan) == ["cpu"]
    assert "not fixed beyond the batch: give length a size (dimensions={'length': 128}" in plan.regions[0].reason
    assert plan.notes[-1].endswith("--dimension length=128).")
    assert devices(weft.plan(proto, board="pynq-z2", dimensions={"length": 8})) == ["fpga"]
    small = weft.compress(proto, calibration=np.ones((4, 8, 16), np.float32))
    assert devices(weft.plan(small, board="pynq-z2", dimensions={"length": 8})) == ["fpga"]


def test_opencl_takes_what_it_has_kernels_for(mixed: Path) -> None:
    """Named first it is used, at the rate of its own link; by latency the free processor wins."""
    pytest.importorskip("pyopencl")
    plan = weft.plan(mixed, board="zcu104", devices="opencl,cpu")
    assert devices(plan) == ["opencl"]
    assert [(move.source, move.target) for move in plan.transfers] == [("host", "opencl0"), ("opencl0", "host")]
    without = weft.plan(mixed, board="zcu104", devices="opencl,cpu", forbids="gpu:Erf")
    assert devices(without) == ["opencl", "cpu", "opencl"]
    assert "forbidden (opencl:Erf)" in without.regions[1].reason
    best = weft.plan(mixed, board="zcu104", devices="opencl,cpu", objective="latency")
    assert best.value <= weft.plan(mixed, board="zcu104", devices="cpu", objective="latency").value
