"""Convolutions of whole images and of streams against published fabric."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chained_designs import WIDE, chain, convolution, row, valid_reuse
from cost_designs import WORD, cost_of, plain, single, stream, weight
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.hls.design import Tensor
from weft.hls.precision import FixedType
from weft.sim import estimate


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


# Conv2D in io_stream, Resource, Vivado HLS: input, filters, reuse, clock ns, tool, board, bits, published best, worst.
STREAMED = [
    ((28, 28, 1), 4, 36, 10.0, "vivado-2020.1", "pynq-z2", 16, 4704, 35280),
    ((28, 28, 1), 4, 36, 10.0, "vivado-2020.1", "alveo-u50", 16, 4704, 33712),
    ((6, 6, 4), 8, 72, 10.0, "vivado-2020.1", "pynq-z2", 16, 1224, 3924),
    ((18, 18, 8), 4, 72, 5.0, "vivado-2019.2", "pynq-z2", 32, 1296, 26892),
]


@pytest.mark.parametrize(("shape", "filters", "reuse", "clock_ns", "tool", "board", "bits", "best", "worst"), STREAMED)
def test_vivado_stream_convolutions_are_the_published_ones(
    shape: tuple[int, int, int], filters: int, reuse: int, clock_ns: float, tool: str, board: str, bits: int,
    best: int, worst: int,
) -> None:  # fmt: skip
    step, out = convolution("conv", shape[:2], 3, shape[2], filters, "resource", reuse)
    design = chain("io_stream", Tensor("x", shape, FixedType(bits, bits // 2)), (step, out), clock_ns=clock_ns)
    got = row(estimate(design, board, tool=tool), "conv")
    assert (got.latency_cycles.best, got.latency_cycles.worst) == (best, worst)
    assert (got.interval_cycles.best, got.interval_cycles.worst) == (best, worst)


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 12), st.integers(3, 12), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.data())
def test_stream_convolution_bounds(
    height: int, width: int, kernel: int, n_chan: int, n_filt: int, data: st.DataObject
) -> None:
    reuse = data.draw(st.sampled_from(valid_reuse(kernel * kernel * n_chan, n_filt)))
    strategy = data.draw(st.sampled_from(["latency", "resource"]))
    step = convolution("conv", (height, width), kernel, n_chan, n_filt, strategy, reuse)
    report = estimate(chain("io_stream", Tensor("x", (height, width, n_chan), WIDE, 8), step), "pynq-z2")
    conv = row(report, "conv")
    assert conv.interval_cycles.best >= height * width  # a pixel a cycle at most
    rewinds = conv.interval_cycles.worst < conv.latency_cycles.worst  # its process does not end between samples
    between = conv.interval_cycles.worst + (0 if rewinds else 1)
    assert report.interval_cycles.worst == max(between, height * width * n_chan, step[1].size)
    assert report.latency_cycles.worst >= conv.latency_cycles.worst
    assert 0 <= report.latency_cycles.best <= report.latency_cycles.worst
