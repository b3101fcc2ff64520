"""Faults strike when they were told to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards.errors import InputError
from weft.sim.faults import Fault, Faults


@given(st.integers(0, 5), st.none() | st.integers(1, 4))
def test_a_fault_waits_then_strikes_as_often_as_told(after: int, times: int | None) -> None:
    faults = Faults()
    faults.add(Fault("dma_timeout", after, times))
    assert not faults.strikes("board_gone")  # another kind's occasion is not counted
    struck = [faults.strikes("dma_timeout") for _ in range(12)]
    count = 12 - after if times is None else times
    assert struck == [False] * after + [True] * count + [False] * (12 - after - count)


def test_two_faults_of_a_kind_count_apart() -> None:
    faults = Faults()
    faults.add(Fault("channel_broken", 0, 1))
    faults.add(Fault("channel_broken", 2, 1))
    assert [faults.strikes("channel_broken") for _ in range(4)] == [True, False, True, False]


@pytest.mark.parametrize(
    "wrong", [{"kind": "fire"}, {"kind": "board_gone", "after": -1}, {"kind": "board_gone", "times": 0}]
)
def test_what_is_no_fault(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="fault"):
        Fault(**wrong)
