"""Stages that work on different items at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

_WAITING = 1  # items between two stages: each can start its next one while the one after it is late


def pipelined(stages: Sequence[Callable[[Any], Any]], items: Iterable[Any]) -> Iterator[Any]:
    """Every item after all `stages`, in order. What a stage returns is what the next one takes; each has a thread.

    `items` is read in the caller's thread, and never further ahead than the stages can hold, so memory stays bounded.
    An item whose stage raises is where the iteration raises, after the items before it; what follows is dropped, and
    all threads have ended, as they have when the iterator is closed early.
    """
    if len(stages) < 2:
        for item in items:
            yield stages[0](item) if stages else item
        return
    with ExitStack() as stack:
        workers = [ThreadPoolExecutor(1, f"weft-stage-{number}") for number in range(len(stages))]
        for worker in workers:
            stack.callback(worker.shutdown, cancel_futures=True)
        under_way: deque[Future[Any]] = deque()
        for item in items:
            under_way.append(_sent(stages, workers, item))
            if len(under_way) >= len(stages) * (1 + _WAITING):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _sent(stages: Sequence[Callable[[Any], Any]], workers: Sequence[ThreadPoolExecutor], item: Any) -> Future[Any]:
    """The future of an item that goes through all stages. A stage waits for its item as the stage before has it."""
    future = workers[0].submit(stages[0], item)
    for stage, worker in zip(stages[1:], workers[1:], strict=True):
        future = worker.submit(partial(_after, stage, future))
    return future


def _after(stage: Callable[[Any], Any], before: Future[Any]) -> Any:
    return stage(before.result())
