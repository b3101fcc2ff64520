"""Deadlocks, and the depths that open them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from networks import fork_and_join, networks

from weft.boards.errors import DeadlockError
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress, opening_depths
from weft.sim.events.timing import schedule


def deeper(net: Network, depths: dict[str, int]) -> Network:
    return Network(net.name, net.processes, {n: replace(fifo, depth=depths[n]) for n, fifo in net.fifos.items()})


def test_a_skip_shallower_than_the_window_deadlocks_and_says_which_depth_opens_it() -> None:
    net = fork_and_join(5, 40, {"skip": 2, "main": 1, "late": 5})
    with pytest.raises(DeadlockError) as error:
        check_progress(net)
    assert str(error.value) == (
        "design net deadlocks: late (empty), main (empty), skip (full at depth 2) wait for each other; "
        "skip of depth 5 would open it"
    ) or ("skip (full at depth 2)" in str(error.value) and "skip of depth" in str(error.value))
    opened = opening_depths(net)
    check_progress(deeper(net, opened))
    with pytest.raises(DeadlockError):
        check_progress(deeper(net, {**opened, "skip": opened["skip"] - 1}))


@settings(max_examples=150, deadline=None)
@given(networks())
def test_the_depths_named_open_every_deadlock(net: Network) -> None:
    depths = opening_depths(net)
    assert all(depths[name] >= (fifo.depth or 1) for name, fifo in net.fifos.items())
    opened = deeper(net, depths)
    check_progress(opened)
    schedule(opened, 3)  # which ends only where there is no deadlock
