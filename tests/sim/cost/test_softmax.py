"""Softmax against published cycles, products and tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cost_designs import cost_of, plain, single, stream

from weft.hls.design import Layer


def softmax(reuse: int) -> Layer:
    return replace(plain("Softmax"), reuse_factor=reuse)


# Values, reuse factor, tool, cycles, DSP, block RAMs: Keb-L/hls4ml-data@333aad62, xcvu9p, 5 ns.
@pytest.mark.parametrize(
    ("reuse", "tool", "cycles", "dsp", "bram18"),
    [
        (2, "vivado-2018.2", 5, 4, 3),
        (4, "vivado-2018.2", 9, 2, 2),
        (72, "vivado-2018.2", 17, 1, 2),
        (1024, "vivado-2019.2", 17, 1, 2),
    ],
)
def test_values_take_turns(reuse: int, tool: str, cycles: int, dsp: int, bram18: int) -> None:
    cost = cost_of(single(softmax(reuse), "io_stream", stream("x", 8), stream("y", 8)), "xcvu9p", tool)
    assert cost.worst.latency == cycles
    assert (cost.resources.dsp, cost.resources.bram18) == (dsp, bram18)


def test_the_maximum_takes_registers_of_its_own() -> None:
    # hls4ml tutorial, xcu250, 2020.1, 5 ns: 7 cycles for 10 values; ECE226_CoDesign@5d10485a, Vitis HLS 2024.1: 8 for
    # 6.
    ten = single(softmax(1), "io_stream", stream("x", 10), stream("y", 10))
    assert cost_of(ten, "xcu250", "vivado-2020.1").worst.latency == 7
    six = single(softmax(1), "io_stream", stream("x", 6), stream("y", 6))
    assert cost_of(six, "xcu250", "vitis-2024.1").worst.latency == 8


def test_slices_follow_each_other() -> None:
    # DNNonSilicon@588f69ec, xc7z020, 10 ns: 2,717 cycles for 676 slices of 4 at reuse 4.
    design = single(softmax(4), "io_stream", stream("x", 26, 26, 4), stream("y", 26, 26, 4), clock_ns=10.0)
    cost = cost_of(design, "xc7z020", "vivado-2020.1")
    assert cost.worst.latency == pytest.approx(2717, abs=4)
    assert cost.resources.dsp == 1
