"""Whole designs against csynth's reports and co-simulations of Keb-L/hls4ml-data@333aad62."""

from __future__ import annotations

import pytest
from stream_networks import Style, keb_network, tutorial_network

from weft.hls.design import Design
from weft.sim import estimate, simulate
from weft.sim.estimate import expected_run


def network(filters: int, dsps: tuple[int, int, int, int, int], style: Style) -> Design:
    return keb_network(
        filters, dict(zip(("conv2", "conv7", "conv11", "dense16", "softmax17"), dsps, strict=True)), style
    )


# Filters, DSPs of the three convolutions, Dense and softmax, implementation, tool; csynth's latency and interval; the
# first sample's latency and the cycles between samples in co-simulation.
REPORTS = [
    (16, (400, 1152, 2304, 1024, 2), "encoded", "vivado-2018.2", (3300, 3300), (801, 3201), (2840, 2593)),
    (8, (200, 576, 1152, 1024, 4), "encoded", "vivado-2018.2", (3300, 3300), (801, 3201), (2790, 2593)),
    (64, (192, 512, 1024, 16, 1), "encoded", "vivado-2019.2", (15758, 15759), (1073, 14901), (14200, 9608)),
    (8, (24, 8, 16, 2, 1), "encoded", "vivado-2019.2", (15729, 15730), (1045, 14901), (14157, 9608)),
    (64, (192, 512, 1024, 16, 1), "linebuffer", "vivado-2019.2", (15655, 15656), (1073, 14801), (13985, 9545)),
    (8, (24, 8, 16, 2, 1), "linebuffer", "vivado-2019.2", (15626, 15627), (1045, 14801), (13942, 9544)),
]


@pytest.mark.parametrize(("filters", "dsps", "implementation", "tool", "latency", "interval", "run"), REPORTS)
def test_streaming_networks_are_the_published_ones(
    filters: int, dsps: tuple[int, int, int, int, int], implementation: str, tool: str, latency: tuple[int, int],
    interval: tuple[int, int], run: tuple[int, int],
) -> None:  # fmt: skip
    design = network(filters, dsps, Style("resource", implementation))
    report = estimate(design, "alveo-u250", tool=tool, ends=False)
    assert report.interval_cycles.worst == interval[1]
    assert report.interval_cycles.best == pytest.approx(interval[0], rel=0.03)
    assert report.latency_cycles.best == pytest.approx(latency[0], rel=0.03)
    assert report.latency_cycles.worst == pytest.approx(latency[1], rel=0.03)
    expected = expected_run(design, "alveo-u250", tool=tool, ends=False)
    assert abs(expected.interval - run[1]) <= 1
    assert expected.latency == pytest.approx(run[0], rel=0.05)


def test_a_network_of_one_pixel_a_cycle_is_the_published_one() -> None:
    # hls4ml tutorial, part 6, pruned: Vivado HLS 2020.1, xcu250, latency 1,044, interval 1,028, 96 block RAMs of FIFOs.
    design = tutorial_network("pruned_cnn")
    report = estimate(design, "alveo-u250", tool="vivado-2020.1", ends=False)
    assert report.interval_cycles.worst == 1028
    assert report.latency_cycles.worst == pytest.approx(1044, rel=0.03)
    assert report.resources.bram18 == pytest.approx(100, abs=2)
    run = expected_run(design, "alveo-u250", tool="vivado-2020.1", ends=False)
    assert run.interval == report.interval_cycles.worst
    assert run.latency >= report.latency_cycles.best


@pytest.mark.parametrize(("filters", "dsps", "implementation", "tool", "latency", "interval", "run"), REPORTS)
def test_event_by_event_the_networks_run_as_in_co_simulation(
    filters: int, dsps: tuple[int, int, int, int, int], implementation: str, tool: str, latency: tuple[int, int],
    interval: tuple[int, int], run: tuple[int, int],
) -> None:  # fmt: skip
    """Pixel by pixel, with FIFOs that hold a tensor, and the DMAs of a board, which take some 100 cycles more."""
    report = simulate(network(filters, dsps, Style("resource", implementation)), "alveo-u250", tool=tool, samples=6)
    assert abs(report.interval_cycles.worst - run[1]) <= 1
    assert report.latency_cycles.worst == pytest.approx(run[0], rel=0.02, abs=100)
