"""The choice of strategies and reuse factors against exhaustive search, and designs that cannot fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hls4ml")

import weft
from weft.boards import load_board
from weft.boards.errors import DoesNotFitError, InputError
from weft.boards.resources import Resources
from weft.hls.lower import Choice, products, valid_reuse_factors
from weft.host.plan import Plan
from weft.host.tuning import STRATEGIES, closest, shares, with_choices
from weft.sim import estimate


def planned(model: Path, **options: Any) -> Plan:
    return weft.plan(model, board="pynq-z2", **options)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.15])
def test_the_interval_is_the_best_of_all(mlp: Path, share: float) -> None:
    board = load_board("pynq-z2")
    smaller = replace(board, resources=Resources(**{k: int(v * share) for k, v in board.resources.as_dict().items()}))
    region = weft.plan(mlp, board=smaller).fpga_region
    assert region is not None
    assert region.design is not None
    assert region.report is not None
    assert region.report.fits
    layers = [layer for layer in region.design.layers if products(layer)]
    options = [[Choice(s, f) for s in STRATEGIES for f in valid_reuse_factors(layer, "io_stream")] for layer in layers]
    reports = [
        estimate(with_choices(region.design, dict(zip([x.name for x in layers], chosen, strict=True))), smaller)
        for chosen in product(*options)
    ]
    best = min(report.interval_cycles.worst for report in reports if report.fits)
    assert region.report.interval_cycles.worst == best


def test_what_is_asked_for_is_taken(mlp: Path) -> None:
    plan = planned(mlp, strategy="resource", reuse_factor=4)
    assert plan.fpga_region is not None
    assert plan.fpga_region.design is not None
    for layer in plan.fpga_region.design.layers:
        if products(layer):
            assert layer.strategy.lower() == "resource"
            assert layer.reuse_factor == closest(valid_reuse_factors(layer, "io_stream"), 4)


def test_an_invalid_reuse_factor_becomes_the_closest_and_is_said(mlp: Path) -> None:
    plan = planned(mlp, strategy="resource", reuse_factor=7)
    assert any("Reuse factor 7 is not valid" in note for note in plan.notes)
    assert closest([1, 2, 4], 3) == 2


def test_too_large_goes_to_the_cpu_with_its_reason(mlp: Path) -> None:
    tiny = replace(load_board("pynq-z2"), resources=Resources(lut=900, ff=900, dsp=2, bram18=1))
    plan = weft.plan(mlp, board=tiny)
    assert [region.device for region in plan.regions] == ["cpu"]
    assert "too few" in plan.regions[0].reason
    assert plan.rejected is not None
    assert not plan.rejected.fits
    assert not weft.simulate(mlp, board=tiny).fits
    with pytest.raises(DoesNotFitError, match=r"too few; layer \w+"):
        weft.plan(mlp, board=tiny, devices="fpga")


def test_what_is_rejected_is_the_smallest_design(mlp: Path) -> None:
    tiny = replace(load_board("pynq-z2"), resources=Resources(lut=900, ff=900, dsp=2, bram18=1))
    plan = weft.plan(mlp, board=tiny)
    assert plan.rejected is not None
    serial = weft.plan(mlp, board="pynq-z2", strategy="resource", reuse_factor=10**6).fpga_region
    assert serial is not None
    assert serial.report is not None
    assert max(shares(plan.rejected.resources, tiny)) <= max(shares(serial.report.resources, tiny))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "fast"}, "strategy 'fast' does not exist"),
        ({"reuse_factor": 0}, "reuse factor 0 is not valid"),
        ({"io": "serial"}, "io 'serial' does not exist"),
        ({"clock_ns": 0.01}, "cannot be had on pynq-z2"),
        ({"clock_ns": float("nan")}, "cannot be had on pynq-z2"),
        ({"precision": "float16"}, "not a fixed-point type"),
        ({"objective": "beauty"}, "objective 'beauty' does not exist"),
        ({"devices": "gpu"}, "device 'gpu' does not exist"),
    ],
)
def test_an_option_that_cannot_be(mlp: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(mlp, **options)
