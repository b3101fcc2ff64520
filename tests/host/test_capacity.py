"""Weights that no fabric could hold, counted on a network that weft compressed."""

from __future__ import annotations

from pathlib import Path

import pytest

import weft
from weft.boards import load_board
from weft.hls.compress import Recipe
from weft.host.capacity import most_weight_bits, weight_bits


@pytest.mark.parametrize(("recipe", "bits"), [("fixed8", 8), ("fixed16", 16)])
def test_weights_count_by_their_bits(mlp: Path, recipe: Recipe, bits: int) -> None:
    with pytest.warns(UserWarning, match="random"):
        model = weft.compress(mlp, recipe).model
    assert weight_bits(model.graph) == (16 * 12 + 12 * 5) * bits  # biases, of 32 bits, are not weights


def test_a_float_network_has_none_yet(mlp: Path) -> None:
    assert weight_bits(weft.load(mlp).graph) == 0


def test_the_memory_of_a_board() -> None:
    usable = load_board("pynq-z2").usable_resources
    assert most_weight_bits(load_board("pynq-z2")) == usable.bram18 * 18_432 + usable.lut * 64
