"""FIFOs against published block RAMs."""

from __future__ import annotations

import pytest
from cost_designs import stream

from weft.hls.design import Tensor
from weft.hls.precision import FixedType
from weft.sim.cost.stream import fifo

WORD = FixedType(16, 6)


def rams(tool: str, *elements: tuple[int, int, int]) -> int:
    """Block RAMs of FIFOs of (depth, values, bits)."""
    return sum(
        fifo(Tensor("t", (depth, values), FixedType(bits, 6), depth), tool).bram18 for depth, values, bits in elements
    )


@pytest.mark.parametrize(("filters", "published"), [(8, 115), (16, 227), (64, 899)])
def test_vivado_gives_every_value_a_fifo(filters: int, published: int) -> None:
    # Keb-L/hls4ml-data@333aad62: what a design's block RAMs are above its layers', 2018.2 and 2019.2 alike.
    n = filters
    first = [(400, 3, 16), (256, n, 16), (256, n, 16), (64, n, 16), (100, n, 16)]
    second = [
        (64, 2 * n, 16),
        (64, 2 * n, 16),
        (100, 2 * n, 16),
        (64, 2 * n, 16),
        (64, 2 * n, 16),
        (16, 2 * n, 16),
        (1, 8, 16),
    ]
    assert rams("vivado-2019.2", *first, *second) == published


def test_vitis_packs_an_element() -> None:
    # HG-DREAM@274dba6e, Vitis HLS 2023.1: the design has 332 block RAMs and its layers none.
    elements = [
        (82, 1, 16), (80, 32, 27), (80, 32, 6), (81, 32, 6), (40, 32, 22), (40, 32, 6), (42, 32, 6), (40, 64, 22),
        (40, 64, 6), (80, 64, 6), (82, 64, 6), (80, 32, 23), (80, 32, 6), (80, 1, 20),
    ]  # fmt: skip
    assert rams("vitis-2023.1", *elements) == 332


def test_short_fifos_take_no_block_ram() -> None:
    for tool in ("vivado-2020.1", "vitis-2024.1"):
        assert fifo(stream("t", 16, 8), tool).bram18 == 0
        assert fifo(stream("t", 36, 4), tool).bram18 > 0
        assert fifo(Tensor("t", (16,), WORD, 1), tool).lut > 0


def test_the_newest_tool_fills_block_rams() -> None:
    # ECE226_CoDesign@5d10485a, Vitis HLS 2024.1: 24 for an input, padding, convolution and relu.
    assert rams("vitis-2024.1", (128, 9, 16), (130, 9, 16), (128, 16, 16), (128, 16, 16)) == 24
