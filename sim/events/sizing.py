"""The smallest FIFO depths that cost a design no cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weft.boards.errors import DeadlockError
from weft.hls.precision import Integers
from weft.sim.events.occupancy import largest_occupancy
from weft.sim.events.process import Network
from weft.sim.events.progress import check_progress, opening_depths
from weft.sim.events.timing import meets, schedule

#: Samples sent back to back: the first fill the pipeline, the last shows the interval.
_SAMPLES = 4


def minimal_depths(network: Network) -> dict[str, int]:
    """Depths, none of which can be one smaller without a sample leaving later or a deadlock.

    `network` has unbounded FIFOs, whose latency and interval are kept. Each FIFO's depth lies between what the untimed
    network needs and what it holds at most when nothing limits it, which keeps every end. Most FIFOs can be as small
    as they go, so whole groups are tried at once, and the others bisected. The tool's way to depths is a co-simulation
    (hls4ml's `fifo_depth_optimization`), which stops at the most that a FIFO holds.
    """
    free = schedule(network, _SAMPLES)
    fewest = opening_depths(network, smallest=1)
    depths = {name: max(fewest[name], largest_occupancy(free, fifo)) for name, fifo in network.fifos.items()}
    largest_first = sorted(depths, key=lambda name: -network.fifos[name].bits * depths[name])
    _shrink(network, depths, largest_first, fewest, free.ends())
    return _trimmed(network, depths, free.ends())


def with_depths(network: Network, depths: Mapping[str, int]) -> Network:
    """The network with FIFOs of these depths."""
    fifos = {name: replace(fifo, depth=depths[name]) for name, fifo in network.fifos.items()}
    return Network(network.name, network.processes, fifos)


def _shrink(
    network: Network, depths: dict[str, int], names: Sequence[str], fewest: Mapping[str, int], latest: Integers
) -> None:
    """Make the FIFOs `names` as small as they can be, the others as they are: all at once, or half by half."""
    trial = {**depths, **{name: fewest[name] for name in names}}
    if meets(with_depths(network, trial), latest):
        depths.update(trial)
    elif len(names) == 1:
        depths[names[0]] = _bisected(network, depths, names[0], fewest[names[0]], latest)
    else:
        half = len(names) // 2
        for part in (names[:half], names[half:]):
            _shrink(network, depths, part, fewest, latest)


def _bisected(network: Network, depths: Mapping[str, int], name: str, low: int, latest: Integers) -> int:
    """The smallest of one FIFO's depths above `low` and up to its own that is not late, the others as they are."""
    high = depths[name]
    while low + 1 < high:
        middle = (low + high) // 2
        early = meets(with_depths(network, {**depths, name: middle}), latest)
        low, high = (low, middle) if early else (middle, high)
    return high


def _trimmed(network: Network, depths: dict[str, int], latest: Integers) -> dict[str, int]:
    """Take off single elements until none can go: a shallow FIFO is a cycle quicker than a deep one, so that the
    bisection can end one too high, and what opens a deadlock in one FIFO can leave room in another."""
    smaller = True
    while smaller:
        smaller = False
        for name in depths:
            while depths[name] > 1 and _passes(with_depths(network, {**depths, name: depths[name] - 1}), latest):
                depths[name] -= 1
                smaller = True
    return depths


def _passes(network: Network, latest: Integers) -> bool:
    try:
        check_progress(network)
    except DeadlockError:
        return False
    return meets(network, latest)
