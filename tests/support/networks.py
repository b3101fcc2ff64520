"""Networks of processes and FIFOs, drawn at random or by hand, for tests of the event level."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import strategies as st

from weft.hls.precision import Integers
from weft.sim.events.process import Fifo, Network, Process, moved


def process(
    name: str, pace: list[int], latency: int, reads: dict[str, list[int]], writes: dict[str, list[int]], rest: int = 0
) -> Process:
    """A process from what each iteration moves."""
    counts = [{fifo: moved(np.array(flags)) for fifo, flags in each.items()} for each in (reads, writes)]
    return Process(name, np.array(pace, np.int64), latency, rest, counts[0], counts[1])


def network(processes: list[Process], depths: dict[str, int | None]) -> Network:
    """The FIFOs between processes, each 8 bits wide."""
    fifos = {}
    for producer, each in enumerate(processes):
        for name, counts in each.writes.items():
            consumer = next(index for index, other in enumerate(processes) if name in other.reads)
            fifos[name] = Fifo(name, depths.get(name), 8, producer, consumer, int(counts[-1]))
    return Network("net", tuple(processes), fifos)


def fork_and_join(window: int, tokens: int, depths: dict[str, int | None]) -> Network:
    """A residual block: a clone, a branch that gathers `window` tokens before its first is out, and a join of both."""
    ones = [1] * tokens
    writes = [0] * (window - 1) + [1] * (tokens - window) + [window]
    return network(
        [
            process("source", ones, 1, {}, {"in": ones}),
            process("clone", ones, 2, {"in": ones}, {"skip": ones, "main": ones}),
            process("conv", ones, 4, {"main": ones}, {"late": writes}),
            process("join", ones, 1, {"skip": ones, "late": ones}, {"out": ones}),
            process("sink", ones, 1, {"out": ones}, {}),
        ],
        depths,
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A fork, branches of random processes, and a join; depths from 1 to unbounded."""
    tokens = draw(st.integers(1, 12))
    branches = draw(st.integers(1, 3))
    processes = [_stage(draw, "source", {}, ["in"], tokens), _stage(draw, "fork", {"in": tokens}, [], tokens)]
    ends: dict[str, int] = {}
    forks = {}
    for number in range(branches):
        before = f"b{number}_0"
        forks[before] = [1] * tokens
        for stage in range(1, draw(st.integers(1, 3)) + 1):
            processes.append(_stage(draw, f"p{number}_{stage}", {before: tokens}, [f"b{number}_{stage}"], tokens))
            before = f"b{number}_{stage}"
        ends[before] = tokens
    first = processes[1]
    processes[1] = process("fork", first.pace.tolist(), first.latency, {"in": [1] * tokens}, forks, first.rest)
    processes += [_stage(draw, "join", ends, ["out"], tokens), _stage(draw, "sink", {"out": tokens}, [], tokens)]
    depth = st.one_of(st.none(), st.integers(1, 2 * tokens))
    names = [name for each in processes for name in each.writes]
    return network(processes, {name: draw(depth) for name in names})


def _stage(draw: st.DrawFn, name: str, reads: dict[str, int], writes: list[str], tokens: int) -> Process:
    """Reads a token of each input an iteration; writes as late as it likes, all in the end."""
    late = draw(st.integers(0, tokens - 1))
    out = [0] * late + [1] * (tokens - late)
    out[-1] += late
    pace = draw(st.lists(st.integers(1, 5), min_size=tokens, max_size=tokens))
    latency, rest = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    return process(name, pace, latency, {fifo: [1] * tokens for fifo in reads}, dict.fromkeys(writes, out), rest)


def starts_by_definition(net: Network, samples: int) -> list[Integers]:
    """Every start as its definition says, event by event: what the vectorised solver is compared with."""

    @cache
    def start(index: int, sample: int, iteration: int) -> int:
        own = net.processes[index]
        asked = [0]
        if iteration:
            asked.append(start(index, sample, iteration - 1) + int(own.pace[iteration - 1]))
        elif sample:
            asked.append(start(index, sample - 1, own.iterations - 1) + int(own.pace[-1]) + own.rest)
        for name, counts in own.reads.items():
            fifo = net.fifos[name]
            if counts[iteration]:
                maker = net.processes[fifo.producer]
                made = int(np.argmax(maker.writes[name] >= counts[iteration]))
                delay = 1 if fifo.depth is not None and fifo.depth <= 2 else 2
                asked.append(start(fifo.producer, sample, made) + maker.latency + delay)
        for name, counts in own.writes.items():
            fifo = net.fifos[name]
            if fifo.depth is not None and counts[iteration]:
                token = sample * fifo.tokens + int(counts[iteration]) - fifo.depth  # counted from 1
                if token > 0:
                    of, within = divmod(token - 1, fifo.tokens)
                    taken = int(np.argmax(net.processes[fifo.consumer].reads[name] > within))
                    asked.append(start(fifo.consumer, of, taken) + 1 - own.latency)
        return max(asked)

    return [
        np.array([[start(i, s, n) for n in range(each.iterations)] for s in range(samples)])
        for i, each in enumerate(net.processes)
    ]
