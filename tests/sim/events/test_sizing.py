"""The smallest FIFOs that keep an interval."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from networks import fork_and_join, networks

from weft.boards.errors import DeadlockError
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress
from weft.sim.events.sizing import minimal_depths, with_depths
from weft.sim.events.timing import schedule


def unbounded(net: Network) -> Network:
    fifos = {name: replace(fifo, depth=None) for name, fifo in net.fifos.items()}
    return Network(net.name, net.processes, fifos)


def test_a_residual_block_needs_its_window_on_the_skip_and_little_else() -> None:
    net = fork_and_join(9, 60, {})
    depths = minimal_depths(net)
    assert depths["in"] <= 2
    assert depths["out"] <= 2
    assert 9 <= depths["skip"] <= 9 + 8  # the window, and the main branch's own cycles


def samples_leave_no_later(net: Network, depths: dict[str, int]) -> bool:
    try:
        check_progress(with_depths(net, depths))
    except DeadlockError:
        return False
    return bool((schedule(with_depths(net, depths), 4).ends() <= schedule(net, 4).ends()).all())


@settings(max_examples=40, deadline=None)
@given(networks())
def test_no_sample_is_late_and_no_fifo_can_be_smaller(net: Network) -> None:
    free = unbounded(net)
    depths = minimal_depths(free)
    assert samples_leave_no_later(free, depths)
    for name, depth in depths.items():
        if depth > 1:
            assert not samples_leave_no_later(free, {**depths, name: depth - 1}), f"{name} can be smaller"


def test_bounded_and_unbounded_ask_for_the_same() -> None:
    with pytest.raises(DeadlockError):
        check_progress(fork_and_join(9, 60, {"skip": 3}))
    assert minimal_depths(fork_and_join(9, 60, {})) == minimal_depths(unbounded(fork_and_join(9, 60, {"skip": 3})))
