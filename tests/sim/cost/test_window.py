"""Sliding windows: how many pixels make an output, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.sim.cost.window import Window


@given(st.integers(3, 20), st.integers(3, 20), st.integers(1, 3), st.integers(1, 9), st.integers(0, 40))
def test_a_run_is_what_counting_pixel_by_pixel_gives(
    height: int, width: int, kernel: int, shift: int, more: int
) -> None:
    busy = shift + more
    emits = [row >= kernel - 1 and column >= kernel - 1 for row in range(height) for column in range(width)]
    cycles = [busy if emit else shift for emit in emits]
    window = Window(height * width, sum(emits), emits.index(True))
    run = window.expected(shift, busy, 0)
    assert run.latency == run.interval == sum(cycles)
    assert run.first == sum(cycles[: emits.index(True) + 1])
    assert window.every(shift, 0).latency <= run.latency <= window.every(busy, 0).latency
    assert round(run.needs * height * width) == emits.index(True) + 1
