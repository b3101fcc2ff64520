"""Pooling over a stream against published cycles."""

from __future__ import annotations

import pytest
from cost_designs import cost_of, plain, single, stream


# Size, channels, window, clock, part, tool, implementation, published cycles (DNNonSilicon, AutoEncoder_hls4ml, Keb-L,
# hls4ml tutorial).
@pytest.mark.parametrize(
    ("size", "channels", "window", "clock_ns", "part", "tool", "implementation", "cycles"),
    [
        (26, 4, 4, 10.0, "xc7z020", "vivado-2020.1", "linebuffer", 681),
        (4, 8, 2, 10.0, "xc7z020", "vivado-2020.1", "linebuffer", 20),
        (26, 4, 4, 10.0, "xcu50", "vivado-2020.1", "linebuffer", 679),
        (4, 8, 2, 10.0, "xcu50", "vivado-2020.1", "linebuffer", 18),
        (32, 8, 2, 5.0, "xc7z020", "vivado-2019.2", "linebuffer", 2052),
        (13, 64, 4, 2.5, "xc7z020", "vivado-2020.1", "linebuffer", 348),
        (30, 16, 2, 5.0, "xcu250", "vivado-2020.1", "linebuffer", 903),
        (16, 64, 2, 5.0, "xcvu9p", "vivado-2018.2", "encoded", 261),
        (8, 128, 2, 5.0, "xcvu9p", "vivado-2019.2", "linebuffer", 67),
    ],
)
def test_pooling_takes_the_published_cycles(
    size: int, channels: int, window: int, clock_ns: float, part: str, tool: str, implementation: str, cycles: int
) -> None:
    layer = plain("Pooling2D", pool_height=window, pool_width=window, in_height=size, in_width=size,
                  implementation=implementation)  # fmt: skip
    out = size // window
    source, result = stream("x", size, size, channels), stream("y", out, out, channels)
    cost = cost_of(single(layer, "io_stream", source, result, clock_ns=clock_ns), part, tool)
    assert (cost.worst.latency, cost.worst.interval) == (cycles, cycles)
    assert cost.worst.needs == pytest.approx(((window - 1) * size + window) / size**2)
