"""Clocks and registers of the processing systems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards import board_names, load_board
from weft.boards.errors import InputError
from weft.sim.processing_system import ProcessingSystem, fabric_clock, family_of

ZYNQ = [name for name in board_names() if load_board(name).family != "alveo"]
FAMILIES = {family_of(load_board(name)).kind: family_of(load_board(name)) for name in ZYNQ}


@given(st.sampled_from(sorted(FAMILIES)), st.floats(0.5, 2600))
def test_a_clock_is_the_fastest_that_keeps_the_period(kind: str, clock_ns: float) -> None:
    family = FAMILIES[kind]
    found = fabric_clock(family, clock_ns)
    product = found.first * found.second
    assert found.mhz == pytest.approx(family.io_pll_mhz / product)
    assert 1 <= found.first <= 63
    assert 1 <= found.second <= 63
    periods = {1000 * first * second / family.io_pll_mhz for first in range(1, 64) for second in range(1, 64)}
    shortest = min(
        period for period in periods if period >= clock_ns * (1 - 2e-5)
    )  # a crystal of 33.333 MHz, not 33 1/3
    assert 1000 / found.mhz == pytest.approx(shortest)


@pytest.mark.parametrize(
    ("board", "clock_ns", "mhz"),
    [("pynq-z2", 10, 100.0), ("pynq-z2", 8, 125.0), ("pynq-z2", 7, 1000 / 7), ("kv260", 10 / 3, 299.997)],
)
def test_clocks_one_knows(board: str, clock_ns: float, mhz: float) -> None:
    assert fabric_clock(family_of(load_board(board)), clock_ns).mhz == pytest.approx(mhz)


def test_a_clock_that_cannot_be_made() -> None:
    with pytest.raises(InputError, match=r"longer than the 3,969 ns"):
        fabric_clock(family_of(load_board("pynq-z2")), 5000)


def test_a_card_has_no_processing_system() -> None:
    with pytest.raises(InputError, match="alveo-u50 has no processing system"):
        family_of(load_board("alveo-u50"))


@pytest.mark.parametrize("name", ZYNQ)
def test_boards_start_with_a_fabric_clock_of_100_mhz(name: str) -> None:
    system = ProcessingSystem(load_board(name))
    assert system.fabric_mhz == pytest.approx(100, rel=1e-4)
    system.set_divisors(0, 4, 5)
    family = family_of(load_board(name))
    assert system.fabric_mhz == pytest.approx(family.io_pll_mhz / 20)
    address = family.fabric_clocks[0]
    system.write(address, 0)  # no divider at all
    assert system.fabric_mhz == family.io_pll_mhz


def test_registers_keep_what_is_written() -> None:
    system = ProcessingSystem(load_board("zcu104"))
    assert system.contains(0xFD61_5000, 4)
    assert not system.contains(0xFD61_FFFE, 4)
    assert system.read(0xFD61_5000) == 0
    system.write(0xFD61_5000, 0x200)
    assert system.read(0xFD61_5000) == 0x200
