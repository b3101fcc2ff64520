"""Addresses: one map for the .hwh, the virtual board and the block design."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
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


def test_an_overlay_may_be_empty() -> None:
    assert address_map(Overlay(), "zynq7") == {}


def test_a_card_has_no_address_map() -> None:
    with pytest.raises(InputError, match="alveo"):
        address_map(Overlay((DESIGN,)), "alveo")


@pytest.mark.parametrize("names", [("",), ("a b",), ("1st",), ("leds", "leds"), ("design_0",), ("axi_dma_0",), ("é",)])
def test_names_of_gpios(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="cannot name a GPIO"):
        Overlay((DESIGN,), names)
