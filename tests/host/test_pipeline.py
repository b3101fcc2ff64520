"""Stages overlap, results stay in order, and nothing goes on after an error or an early end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.host.pipeline import pipelined


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("weft-stage")]


@given(st.lists(st.integers()), st.integers(0, 4))
def test_every_item_passes_every_stage_in_order(items: list[int], stages: int) -> None:
    def add(factor: int) -> Callable[[int], int]:
        return lambda item: 3 * item + factor

    expected = items
    for number in range(stages):
        expected = [add(number)(item) for item in expected]
    assert list(pipelined([add(number) for number in range(stages)], items)) == expected
    assert stage_threads() == []


def test_stages_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=30)  # of the first stage's second item and the second stage's first

    def first(item: int) -> int:
        if item == 1:
            meeting.wait()
        return item

    def second(item: int) -> int:
        if item == 0:
            meeting.wait()
        return item

    assert list(pipelined([first, second], [0, 1])) == [0, 1]


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_items_are_read_as_results_are_taken(stages: int) -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        for item in count():
            read = item + 1
            yield item

    def same(item: Any) -> Any:
        return item

    results = pipelined([same] * stages, endless())
    for taken in range(20):
        assert next(results) == taken
        assert read <= taken + 2 * stages
    results.close()  # type: ignore[attr-defined]
    assert stage_threads() == []


@pytest.mark.parametrize("at", [0, 1])
def test_an_error_comes_in_its_place_and_ends_everything(at: int) -> None:
    ran: list[int] = []

    def stage(number: int) -> Callable[[int], int]:
        def work(item: int) -> int:
            if number == at and item == 5:
                raise ValueError("the fifth")
            if number == 1:
                ran.append(item)
            return item

        return work

    results = pipelined([stage(0), stage(1)], range(1000))
    for expected in range(5):
        assert next(results) == expected
    with pytest.raises(ValueError, match="the fifth"):
        next(results)
    assert stage_threads() == []
    assert len(ran) < 10
    with pytest.raises(StopIteration):
        next(results)


def test_an_error_of_the_items_themselves() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(pipelined([abs, abs], broken()))
    assert stage_threads() == []
