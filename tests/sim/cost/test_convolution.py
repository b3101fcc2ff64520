"""Convolutions of whole images and of streams against published fabric."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cost_designs import WORD, cost_of, plain, single, stream, weight

from weft.hls.design import Tensor


def test_partitions_choose_their_inputs_and_hold_their_outputs() -> None:
    # ECE226_CoDesign@bfc2fecf, Vitis HLS 2024.1: 128 partitions of 27-16, 130 to 131 cycles, 66,338 LUT and 87,424 FF.
    layer = plain("Conv1D", filt_width=3, n_chan=9, n_filt=16, in_width=128, out_width=128, n_partitions=128)
    layer = replace(layer, weights={"weight": weight(3, 9, 16)})
    design = single(layer, "io_parallel", Tensor("x", (128, 9), WORD), Tensor("y", (128, 16), WORD))
    cost = cost_of(design, "xcu250", "vitis-2024.1")
    assert (cost.best.latency, cost.worst.latency, cost.worst.interval) == (130, 131, 128)
    assert cost.resources.lut == pytest.approx(66338, rel=0.15)
    assert cost.resources.ff == pytest.approx(87424, rel=0.15)


# Filters, window, size and channels in, reuse factor, implementation; cycles of csynth's best and worst case, block RAM
# and FF: Keb-L/hls4ml-data@333aad62, Vivado HLS 2019.2, xcvu9p.
@pytest.mark.parametrize(
    ("filters", "window", "shape", "reuse", "implementation", "best", "worst", "bram18", "ff"),
    [
        (8, 5, (20, 20, 3), 25, "encoded", 800, 12000, 86, 4479),
        (16, 3, (10, 10, 8), 144, "encoded", 200, 14900, 4, 8642),
        (128, 3, (10, 10, 64), 144, "encoded", 200, 14900, 228, 71120),
        (8, 5, (20, 20, 3), 25, "linebuffer", 800, 11600, 11, 2697),
        (128, 3, (10, 10, 64), 144, "linebuffer", 200, 14800, 228, 25835),
        (16, 3, (10, 10, 16), 144, "linebuffer", 200, 14700, 7, 5049),
    ],
)
def test_stream_convolutions_are_the_published_ones(
    filters: int, window: int, shape: tuple[int, int, int], reuse: int, implementation: str, best: int, worst: int,
    bram18: int, ff: int,
) -> None:  # fmt: skip
    height, width, channels = shape
    out = height - window + 1, width - window + 1
    layer = plain("Conv2D", in_height=height, in_width=width, n_chan=channels, filt_height=window, filt_width=window,
                  n_filt=filters, out_height=out[0], out_width=out[1], implementation=implementation)  # fmt: skip
    constants = {"weight": weight(window, window, channels, filters)}
    layer = replace(layer, strategy="resource", reuse_factor=reuse, weights=constants)
    design = single(layer, "io_stream", stream("x", *shape), stream("y", *out, filters))
    cost = cost_of(design, "xcvu9p", "vivado-2019.2")
    assert (cost.best.latency, cost.worst.latency) == (best, worst)
    assert best < cost.run.latency < worst
    assert cost.resources.bram18 == pytest.approx(bram18, abs=1)
    assert cost.resources.ff == pytest.approx(ff, rel=0.1)
