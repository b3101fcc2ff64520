"""Block RAMs of weights against published reports."""

from __future__ import annotations

from weft.sim.cost.storage import block_rams


def test_block_rams_of_weights_are_the_published_ones() -> None:
    # hls4ml weights at RF > 1: 128 products of 16 bits, RF 8: 57 (Gabriele-bot/PYNQ_IA); 32 of 16 bits, RF 9: 15.
    assert block_rams(128 * 16, 8) == 57
    assert block_rams(32 * 16, 9) == 15
