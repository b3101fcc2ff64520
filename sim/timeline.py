"""Simulated time: what happened when on the virtual board, and its trace for Perfetto."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEPT_EVENTS = 100_000  # a board that serves for weeks forgets its oldest


@dataclass(frozen=True)
class Event:
    """Something that took simulated time, on a track of its own kind; microseconds since the board started."""

    track: str
    name: str
    start_us: float
    duration_us: float
    arguments: Mapping[str, int | float | str] = field(default_factory=dict)


class Timeline:
    """Simulated time, which passes only while the fabric works.

    Programs live at `now_us`: it reaches the end of a run when they see that it ended. What they start before that
    runs at the same time. `elapsed_us` and `elapsed_cycles` are until the last end.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        self.elapsed_cycles = 0
        self.elapsed_us = 0.0
        self.now_us = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds until the last end."""
        return self.elapsed_us * 1e-6

    @property
    def events(self) -> list[Event]:
        """The events so far, in the order in which their runs were started."""
        return list(self._events)

    def add(self, start_us: float, duration_us: float, cycles: int, events: Iterable[Event]) -> float:
        """Note a run and return its end; `events` are relative to its start, and are kept as of the board's."""
        for event in events:
            begin_us = start_us + event.start_us
            self._events.append(Event(event.track, event.name, begin_us, event.duration_us, event.arguments))
        end_us = start_us + duration_us
        if end_us > self.elapsed_us:
            beyond = min(1.0, (end_us - self.elapsed_us) / duration_us)  # the rest was at the same time as another run
            self.elapsed_cycles += round(cycles * beyond)
            self.elapsed_us = end_us
        return end_us

    def reach(self, us: float) -> None:
        """The program has seen what happened until then."""
        self.now_us = max(self.now_us, us)


def write_trace(path: str | Path, events: Iterable[Event]) -> None:
    """Write `events` as a JSON trace for ui.perfetto.dev or chrome://tracing (Google's "Trace Event Format").

    Each track becomes a thread with the track's name, in the order in which tracks first appear.
    """
    write_clocks(path, {"": events})


def write_clocks(path: str | Path, clocks: Mapping[str, Iterable[Event]]) -> None:
    """`write_trace` of events by the name of their clock: each is a process, so that unlike times stay apart."""
    entries = [
        entry for number, (name, each) in enumerate(clocks.items(), start=1) for entry in _process(number, name, each)
    ]
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps({"displayTimeUnit": "ns", "traceEvents": entries}), encoding="utf-8")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _process(number: int, name: str, events: Iterable[Event]) -> list[dict[str, Any]]:
    """The entries of one process: its name if it has one, those of its threads, and what happened."""
    listed = list(events)
    threads = {track: thread for thread, track in enumerate(dict.fromkeys(event.track for event in listed), start=1)}
    titles = [{"ph": "M", "name": "process_name", "pid": number, "args": {"name": name}}] if name else []
    names = [
        {"ph": "M", "name": "thread_name", "pid": number, "tid": thread, "args": {"name": track}}
        for track, thread in threads.items()
    ]
    slices = [
        {
            "ph": "X",
            "name": event.name,
            "cat": "weft",
            "pid": number,
            "tid": threads[event.track],
            "ts": event.start_us,
            "dur": event.duration_us,
            "args": dict(event.arguments),
        }
        for event in listed
    ]
    return [*titles, *names, *slices]
