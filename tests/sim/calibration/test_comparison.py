"""Reports beside the estimate: which module is which layer, and what the ratios are."""

from __future__ import annotations

import pytest
from small_designs import dense_design

from weft.boards import load_board
from weft.boards.errors import InputError
from weft.hls.project.cpp import Call
from weft.sim import estimate
from weft.sim.calibration.comparison import TOP, Comparison, compare, rows_to_keep
from weft.sim.calibration.reports import FIGURES, Stage, ToolReport

DESIGN = dense_design(8, 4, "net")
CALLS = {
    "dense_1": Call("dense", ("in_t", "out_t", "config2"), ("x", "y", "w2", "b2"), "dense_1"),
    "relu_2": Call("relu", ("in_t", "out_t", "relu_config3"), ("y", "z"), "relu_2"),
}
BOARD = load_board("pynq-z2")
# Names as Vivado HLS 2020.1 and Vitis HLS 2023.2 and 2024.1 gave them (shared figures of published reports).
DENSE = "dense_latency_ap_fixed_16_6_5_3_0_ap_fixed_16_6_5_3_0_config2_s"
RELU = "relu_ap_fixed_16_6_5_3_0_ap_ufixed_6_0_4_0_0_relu_config3_s"


def report(module: str, stage: Stage = "csynth", *, whole: bool = True, **figures: float) -> ToolReport:
    name = f"{module}_csynth.xml" if whole else "csynth.xml"
    return ToolReport(name, "0123", stage, module, figures, "vitis-2023.2", "xc7z020clg400-1", 10.0, whole)


def compared(*reports: ToolReport) -> list[Comparison]:
    return compare(DESIGN, CALLS, reports, BOARD)


def test_modules_become_layers_in_the_design_s_order_behind_the_top() -> None:
    rows = compared(report(RELU, latency=1), report(DENSE, latency=3), report("net", latency=9))
    assert [(row.name, row.kind) for row in rows] == [(TOP, TOP), ("dense_1", "Dense"), ("relu_2", "Activation")]


def test_a_module_with_constant_arguments_is_the_layer_s() -> None:
    (row,) = compared(report("dense_latency_ap_fixed_ap_fixed_16_6_5_3_0_config2_0_0_0_0", latency=3))
    assert row.name == "dense_1"


def test_predictions_are_the_estimate_s() -> None:
    found = estimate(DESIGN, BOARD, 10.0, tool="vitis-2023.2", ends=False)
    top, dense, _ = compared(report("net", latency=9), report(DENSE, latency=3), report(RELU, latency=3))
    assert top.predicted["latency"] == found.latency_cycles.worst
    assert top.predicted["interval"] == found.interval_cycles.worst
    row = {layer.name: layer for layer in found.layers}["dense_1"]
    assert dense.predicted["latency"] == row.latency_cycles.worst
    assert {name: dense.predicted[name] for name in FIGURES[2:]} == row.resources.as_dict()


def test_ratios_leave_out_zeros_and_what_is_not_reported() -> None:
    (row,) = compared(report(DENSE, latency=2.0 * compared(report(DENSE))[0].predicted["latency"], uram=0, dsp=0))
    assert row.ratios == {"latency": 2.0}


@pytest.mark.parametrize(
    "module", ["dense_latency_ap_fixed_config22_s", "dense_wrapper_config2_mult_s", "linear_ap_fixed_config2_s"]
)
def test_other_modules_are_no_layer(module: str) -> None:
    assert [row.name for row in compared(report("net", latency=9), report(module, latency=1))] == [TOP]


def test_of_nested_modules_the_outermost_counts() -> None:
    inner = report("dense_wrapper_ap_fixed_config2_s", latency=2)
    (row,) = compared(inner, report(DENSE, latency=3))
    assert row.report.module == DENSE


def test_a_module_s_own_report_counts_before_the_one_it_is_in() -> None:
    (row,) = compared(report(DENSE, whole=False, latency=3), report(DENSE, latency=3, interval=1))
    assert row.report.whole


def test_only_csynth_of_layers_is_kept() -> None:
    rows = compared(report("net", latency=9), report("net", "cosim", latency=8), report(DENSE, latency=3, lut=7))
    (kept,) = rows_to_keep(rows, "zynq7")
    assert (kept.layer, kept.kind, kept.strategy, kept.io) == ("dense_1", "Dense", "latency", "io_parallel")
    assert (kept.family, kept.tool, kept.source, kept.digest) == (
        "zynq7",
        "vitis-2023.2",
        f"{DENSE}_csynth.xml",
        "0123",
    )
    assert set(kept.ratios) == {"latency", "lut"}


def test_a_report_of_another_design_is_refused() -> None:
    with pytest.raises(InputError, match="module 'other', which is neither design net nor a layer of it"):
        compared(report("other", latency=1))


def test_a_report_of_another_family_is_refused() -> None:
    with pytest.raises(InputError, match="part xc7z020clg400-1, which is not of the family of zcu104"):
        compare(DESIGN, CALLS, [report("net", latency=9)], load_board("zcu104"))


def test_a_report_of_another_tool_than_asked_is_refused() -> None:
    with pytest.raises(InputError, match=r"is of vitis-2023\.2, and --tool says vivado-2020\.1"):
        compare(DESIGN, CALLS, [report("net", latency=9)], BOARD, "vivado-2020.1")
