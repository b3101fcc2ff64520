"""Start times: the vectorised fixed point against the definition, event by event."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from networks import fork_and_join, network, networks, process, starts_by_definition

from weft.boards.errors import DeadlockError
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress
from weft.sim.events.timing import schedule


@settings(max_examples=150, deadline=None)
@given(networks())
def test_starts_are_those_of_the_definition(net: Network) -> None:
    try:
        check_progress(net)
    except DeadlockError:
        return
    found = schedule(net, 5)
    for got, wanted in zip(found.starts, starts_by_definition(net, 5), strict=True):
        np.testing.assert_array_equal(got, wanted)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_what_is_filled_in_is_what_would_have_been_solved(net: Network) -> None:
    try:
        check_progress(net)
    except DeadlockError:
        return
    many = schedule(net, 40)
    for got, wanted in zip(many.starts, starts_by_definition(net, 40), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_slow_reader_holds_its_writer_up_only_once_the_fifo_is_full() -> None:
    ones = [1] * 6
    stages = [process("fast", ones, 1, {}, {"a": ones}), process("slow", [10] * 6, 1, {"a": ones}, {})]
    found = schedule(network(stages, {"a": 2}), 1)
    # Two tokens wait in the FIFO; the fourth is written the cycle after the second was read.
    np.testing.assert_array_equal(found.starts[1][0], [2, 12, 22, 32, 42, 52])
    np.testing.assert_array_equal(found.starts[0][0], [0, 1, 2, 12, 22, 32])


def test_deeper_fifos_are_never_slower() -> None:
    ends = [schedule(fork_and_join(5, 40, {"skip": depth}), 4).ends()[-1] for depth in (7, 8, 9, 10, 20, None)]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] > ends[-1]
