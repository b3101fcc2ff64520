"""A design that is too large only for its deep FIFOs gets shallow ones; what could never fit is told at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("hls4ml")

from builder import Builder

import weft
from weft.boards import Board, load_board
from weft.boards.errors import DoesNotFitError
from weft.host.plan import Plan
from weft.sim import smallest_fifos


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution of an image whose streams hold 24 x 24 values, beside which its weights are few."""
    path = tmp_path_factory.mktemp("image") / "image.onnx"
    onnx.save(Builder((2, 24, 24)).conv(2, 4).node("Relu").node("GlobalAveragePool").node("Flatten").proto(4), path)
    return path


def narrow(**resources: int) -> Board:
    board = load_board("pynq-z2")
    return replace(board, resources=replace(board.resources, **resources))


def planned(image: Path, board: Board, devices: str = "fpga,cpu") -> Plan:
    return weft.plan(image, board=board, devices=devices, precision="fixed<12,6>", strategy="resource", reuse_factor=18)


def test_shallow_fifos_make_it_fit(image: Path) -> None:
    board = narrow(bram18=6)
    region = planned(image, board).fpga_region
    assert region is not None
    assert region.design is not None
    assert region.report is not None
    assert region.report.fits
    assert region.design == smallest_fifos(region.design, board)
    deep = planned(image, load_board("pynq-z2")).fpga_region
    assert deep is not None
    assert deep.report is not None
    assert deep.report.interval_cycles == region.report.interval_cycles
    assert deep.design is not None
    codes = np.random.default_rng(0).integers(-2048, 2048, (3, 24, 24, 2))
    np.testing.assert_array_equal(region.design.run(codes), deep.design.run(codes))


def test_too_large_with_the_shallowest_too(image: Path) -> None:
    with pytest.raises(DoesNotFitError, match="LUT and pynq-z2 has 1,050 usable"):
        planned(image, narrow(bram18=6, lut=1500), "fpga")


def test_weights_beyond_all_memory_are_refused_before_tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wide.onnx"
    onnx.save(Builder((64,)).dense(64, 64).proto(64), path)
    monkeypatch.setattr("weft.host.fitting.tune", lambda *_: pytest.fail("it was tuned"))
    with pytest.raises(DoesNotFitError, match="too few"):
        weft.plan(path, board=narrow(lut=500, bram18=1), devices="fpga", precision="fixed<16,6>")
