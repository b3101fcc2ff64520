"""The smallest FIFO depths that cost a design no cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.boards.errors import DeadlockError
from weft.sim.events.occupancy import largest_occupancy
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress, opening_depths
from weft.sim.events.timing import Schedule, schedule

#: Samples sent back to back: the first fill the pipeline, the last shows the interval.
_SAMPLES = 4


def minimal_depths(network: Network) -> dict[str, int]:
    """Depths, none of which can be one smaller without a sample leaving later or a deadlock.

    `network` has unbounded FIFOs, whose latency and interval are kept. As more room hardly ever makes a design slower,
    each FIFO, the largest first, is bisected between what the untimed network needs and what it holds at most when
    nothing limits it. The tool's way to depths is a co-simulation (hls4ml's `fifo_depth_optimization`), which stops at
    the second.
    """
    free = schedule(network, _SAMPLES)
    depths = opening_depths(network, smallest=1)
    if not _keeps(network, depths, free):
        fewest = depths
        depths = {name: max(fewest[name], largest_occupancy(free, fifo)) for name, fifo in network.fifos.items()}
        for fifo in sorted(network.fifos.values(), key=lambda fifo: -fifo.bits * depths[fifo.name]):
            depths[fifo.name] = _bisected(network, depths, fifo.name, fewest[fifo.name], free)
    return _trimmed(network, depths, free)


def with_depths(network: Network, depths: Mapping[str, int]) -> Network:
    """The network with FIFOs of these depths."""
    fifos = {name: replace(fifo, depth=depths[name]) for name, fifo in network.fifos.items()}
    return Network(network.name, network.processes, fifos)


def _bisected(network: Network, depths: Mapping[str, int], name: str, low: int, free: Schedule) -> int:
    """The smallest of one FIFO's depths between `low` and its own that keeps the interval, the others as they are."""
    high = depths[name]
    if _keeps(network, {**depths, name: low}, free):
        return low
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _keeps(network, {**depths, name: middle}, free) else (middle, high)
    return high


def _trimmed(network: Network, depths: dict[str, int], free: Schedule) -> dict[str, int]:
    """Take off single elements until none can go: a shallow FIFO is a cycle quicker than a deep one, so that the
    bisection can end one too high, and what opens a deadlock in one FIFO can leave room in another."""
    smaller = True
    while smaller:
        smaller = False
        for name in depths:
            while depths[name] > 1 and _keeps(network, {**depths, name: depths[name] - 1}, free):
                depths[name] -= 1
                smaller = True
    return depths


def _keeps(network: Network, depths: Mapping[str, int], free: Schedule) -> bool:
    """Whether no sample leaves later than it does when nothing limits the FIFOs."""
    tried = with_depths(network, depths)
    try:
        check_progress(tried)
    except DeadlockError:
        return False
    return bool((schedule(tried, _SAMPLES).ends() <= free.ends()).all())
