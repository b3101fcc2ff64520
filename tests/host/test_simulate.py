"""`weft.simulate` for everything it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")

import weft
from weft.boards.errors import InputError
from weft.sim import estimate, simulate

Floats = NDArray[np.float32]


def test_a_model_a_plan_a_design_and_a_folder_agree(mlp: Path, tmp_path: Path, samples: Floats) -> None:
    small = weft.compress(mlp, "fixed8", calibration=samples)
    plan = weft.plan(small, board="pynq-z2")
    assert plan.fpga_region is not None
    assert plan.fpga_region.design is not None
    folder = weft.build(plan, tmp_path / "b").folder
    report = weft.simulate(small, board="pynq-z2")
    assert report == weft.simulate(plan)
    assert report == weft.simulate(folder)
    assert report == weft.simulate(plan.fpga_region.design, board="pynq-z2")
    assert report == simulate(plan.fpga_region.design, "pynq-z2")
    assert report.resources == estimate(plan.fpga_region.design, "pynq-z2").resources


def test_samples_are_calibration(mlp: Path, samples: Floats) -> None:
    assert weft.simulate(mlp, samples, board="pynq-z2").fits
    with pytest.raises(InputError, match="NaN"):
        weft.simulate(mlp, samples * np.float32("nan"), board="pynq-z2")


def test_what_stays_on_the_cpu_has_a_row_and_takes_time(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2")
    report = weft.simulate(plan)
    first, last = (simulate(region.design, "pynq-z2") for region in plan.fpga_regions if region.design is not None)
    on_cpu = [row for row in report.layers if row.device == "cpu"]
    assert [row.name for row in on_cpu] == ["cpu0"]
    cycles = on_cpu[0].latency_cycles.worst
    assert cycles > 0
    assert report.latency_cycles.worst == first.latency_cycles.worst + last.latency_cycles.worst + cycles
    assert report.interval_cycles.worst == max(first.interval_cycles.worst, last.interval_cycles.worst, cycles)
    assert report.resources == first.resources + last.resources
    assert report.layers[0].name == f"fpga0.{first.layers[0].name}"
    without = weft.simulate(mixed, board="pynq-z2", devices="cpu")
    assert without.resources.lut == 0
    assert without.latency_cycles.worst > 0


def test_a_design_or_model_needs_a_board(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2")
    assert plan.fpga_region is not None
    for source in (mlp, plan.fpga_region.design):
        with pytest.raises(InputError, match="give board="):
            weft.simulate(source)


def test_another_clock_changes_time_and_not_the_folder(mlp: Path) -> None:
    plan = weft.plan(mlp, board="pynq-z2")
    assert weft.simulate(plan, clock_ns=20.0).clock_ns == 20.0
