"""Addresses: one map for the .hwh, the virtual board and the block design."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_designs import dense_design

from weft.boards.errors import InputError
from weft.hls.block_design import WINDOW
from weft.sim.overlay import Overlay, address_map

DESIGN = dense_design()


@pytest.mark.parametrize("family", ["zynq7", "zynq_ultrascale_plus"])
def test_windows_do_not_overlap(family: str) -> None:
    many = replace(DESIGN, outputs=("relu_2", "dense_1") * 8)
    overlay = Overlay((many,), tuple(f"gpio_{i}" for i in range(16)))
    addresses = address_map(overlay, family)
    assert len(addresses) == 1 + 16 + 16
    places = sorted(addresses.values())
    assert all(place % WINDOW == 0 for place in places)
    assert all(after - place >= WINDOW for place, after in pairwise(places))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=8))
def test_dmas_are_numbered_through_all_designs(streams: list[tuple[int, int]]) -> None:
    designs = tuple(replace(DESIGN, inputs=("input_0",) * ins, outputs=("relu_2",) * outs) for ins, outs in streams)
    places = Overlay(designs).places
    numbers = [int(name.removeprefix("axi_dma_")) for place in places for name in place.dma_names]
    assert numbers == list(range(sum(max(pair) for pair in streams)))
    assert [place.name for place in places] == [f"design_{k}" for k in range(len(designs))]
    assert [place.first_dma for place in places] == [sum(max(p) for p in streams[:k]) for k in range(len(streams))]
    addresses = sorted(address_map(Overlay(designs), "zynq7").values())
    assert all(after - place >= WINDOW for place, after in pairwise(addresses))


def test_an_overlay_has_room_for_so_many() -> None:
    with pytest.raises(InputError, match="at most 8 designs, and 9 are wanted"):
        Overlay((DESIGN,) * 9)
    with pytest.raises(InputError, match="at most 128 DMAs, and 129 are wanted"):
        Overlay((replace(DESIGN, outputs=("relu_2",) * 129),))
    with pytest.raises(InputError, match="'axi_dma_1' cannot name a GPIO"):
        Overlay((DESIGN, DESIGN), ("axi_dma_1",))


def test_an_overlay_may_be_empty() -> None:
    assert address_map(Overlay(), "zynq7") == {}


def test_a_card_has_no_address_map() -> None:
    with pytest.raises(InputError, match="alveo"):
        address_map(Overlay((DESIGN,)), "alveo")


@pytest.mark.parametrize("names", [("",), ("a b",), ("1st",), ("leds", "leds"), ("design_0",), ("axi_dma_0",), ("é",)])
def test_names_of_gpios(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="cannot name a GPIO"):
        Overlay((DESIGN,), names)
