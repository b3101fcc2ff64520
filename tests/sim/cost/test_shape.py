"""Padding, resizing and cropping against published cycles and fabric."""

from __future__ import annotations

import pytest
from cost_designs import cost_of, plain, single, stream

from weft.hls.design import Value


def sides(around: int) -> dict[str, Value]:
    return dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), around)


# Input, columns and rows added, part, tool, published cycles and LUT: AutoEncoder_hls4ml@dd6f3c2171, Keb-L/hls4ml-data@
# 333aad62. The last is a design's own input under 2018.2, which reads it in two cycles.
@pytest.mark.parametrize(
    ("shape", "bits", "around", "part", "tool", "cycles", "lut"),
    [
        ((32, 32, 8), 32, 1, "xc7z020", "vivado-2019.2", 1159, 469),
        ((4, 4, 4), 32, 1, "xc7z020", "vivado-2019.2", 39, 317),
        ((8, 8, 128), 16, 1, "xcvu9p", "vivado-2019.2", 103, 4389),
        ((16, 16, 3), 16, 2, "xcvu9p", "vivado-2019.2", 475, 368),
        ((16, 16, 3), 16, 2, "xcvu9p", "vivado-2018.2", 731, 537),
    ],
)
def test_padding_takes_the_published_cycles(
    shape: tuple[int, int, int], bits: int, around: int, part: str, tool: str, cycles: int, lut: int
) -> None:
    height, width, channels = shape
    layer = plain("ZeroPadding2D", in_height=height, in_width=width, **sides(around))
    result = stream("y", height + 2 * around, width + 2 * around, channels, bits=bits)
    cost = cost_of(single(layer, "io_stream", stream("x", *shape, bits=bits), result), part, tool)
    assert cost.best == cost.worst
    assert (cost.worst.latency, cost.worst.interval) == (cycles, cycles)
    assert cost.resources.lut == pytest.approx(lut, rel=0.12)


def test_padding_of_a_sequence_takes_the_published_cycles() -> None:
    # HG-DREAM@274dba6e, Vitis HLS 2023.1: 80 elements and one on each side, 85 cycles; and one on the right, 84.
    for left, cycles in ((1, 85), (0, 84)):
        layer = plain("ZeroPadding1D", pad_left=left, pad_right=1, in_width=80)
        design = single(layer, "io_stream", stream("x", 80, 32), stream("y", 81 + left, 32))
        assert cost_of(design, "xczu49dr", "vitis-2023.1").worst.latency == cycles


def test_padding_begins_before_its_input_and_ends_with_rows_of_zeros() -> None:
    layer = plain("ZeroPadding2D", in_height=8, in_width=8, **sides(1))
    run = cost_of(
        single(layer, "io_stream", stream("x", 8, 8, 2), stream("y", 10, 10, 2)), "xcvu9p", "vivado-2019.2"
    ).run
    assert run.first == 1
    assert run.depth == 3 + 10 + 1


# AutoEncoder_hls4ml@dd6f3c2171, 32 bits: rows, channels, cycles, LUT, FF.
@pytest.mark.parametrize(
    ("size", "channels", "cycles", "lut", "ff"),
    [(4, 4, 66, 435, 541), (8, 4, 258, 622, 1071), (16, 8, 1026, 1492, 4177)],
)
def test_resizing_takes_the_published_cycles_and_fabric(
    size: int, channels: int, cycles: int, lut: int, ff: int
) -> None:
    source, result = stream("x", size, size, channels, bits=32), stream("y", 2 * size, 2 * size, channels, bits=32)
    cost = cost_of(single(plain("Resize"), "io_stream", source, result), "xc7z020", "vivado-2019.2")
    assert cost.worst.latency == cycles
    assert cost.resources.lut == pytest.approx(lut, rel=0.1)
    assert cost.resources.ff == pytest.approx(ff, rel=0.1)


def test_cropping_reads_every_element_and_waits_for_the_first_it_keeps() -> None:
    layer = plain("Cropping2D", crop_top=1, crop_left=2, in_width=6)
    cost = cost_of(single(layer, "io_stream", stream("x", 4, 6, 2), stream("y", 2, 3, 2)), "xcu250", "vitis-2024.1")
    assert cost.worst.interval == 24
    assert cost.worst.needs == pytest.approx(9 / 24)
    parallel = single(layer, "io_parallel", stream("x", 4, 6, 2), stream("y", 2, 3, 2))
    assert cost_of(parallel, "xcu250", "vitis-2024.1").resources.lut == 0
