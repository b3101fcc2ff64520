"""Simulated time and its trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sim.timeline import Event, Timeline, write_clocks, write_trace


def test_events_are_kept_as_of_the_boards_start() -> None:
    timeline = Timeline()
    end_us = timeline.add(0.0, 1.0, 100, [Event("a", "first", 0.25, 0.5)])
    timeline.add(end_us, 2.0, 200, [Event("b", "second", 0.5, 1.0, {"bytes": 3})])
    assert timeline.elapsed_cycles == 300
    assert timeline.elapsed_s == pytest.approx(3e-6)
    assert timeline.events == [Event("a", "first", 0.25, 0.5), Event("b", "second", 1.5, 1.0, {"bytes": 3})]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=8))
def test_time_in_which_two_things_happen_passes_once(runs: list[tuple[int, int]]) -> None:
    """Runs that touch or overlap what was before, at 2 cycles a microsecond, in the order of their starts."""
    timeline, worked = Timeline(), set()
    for start, duration in sorted(runs):
        start = min(start, int(timeline.elapsed_us))
        assert timeline.add(start, duration, 2 * duration, []) == start + duration
        worked |= set(range(start, start + duration))
    assert timeline.elapsed_us == len(worked)
    assert timeline.elapsed_cycles == 2 * len(worked)


def test_the_program_never_goes_back_in_time() -> None:
    timeline = Timeline()
    timeline.reach(3.0)
    timeline.reach(1.0)
    assert timeline.now_us == 3.0


def test_a_board_that_works_for_long_forgets_its_oldest_events() -> None:
    timeline = Timeline()
    for number in range(100_001):
        timeline.add(timeline.elapsed_us, 0.01, 1, [Event("a", str(number), 0, 0.01)])
    assert len(timeline.events) == 100_000
    assert timeline.events[0].name == "1"
    assert timeline.elapsed_cycles == 100_001


def test_a_trace_has_a_thread_for_each_track(tmp_path: Path) -> None:
    events = [Event("dma", "x", 0, 1.5, {"bytes": 8}), Event("net", "run", 0.5, 2), Event("dma", "y", 3, 1)]
    write_trace(tmp_path / "trace.json", events)
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    names = {row["tid"]: row["args"]["name"] for row in trace if row["ph"] == "M"}
    assert list(names.values()) == ["dma", "net"]
    slices = [row for row in trace if row["ph"] == "X"]
    assert [(names[row["tid"]], row["name"], row["ts"], row["dur"]) for row in slices] == [
        ("dma", "x", 0, 1.5),
        ("net", "run", 0.5, 2),
        ("dma", "y", 3, 1),
    ]
    assert slices[0]["args"] == {"bytes": 8}


def test_each_clock_is_a_process_of_its_own(tmp_path: Path) -> None:
    write_clocks(tmp_path / "trace.json", {"real": [Event("cpu", "a", 5, 1)], "simulated": [Event("cpu", "b", 0, 1)]})
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    processes = {row["pid"]: row["args"]["name"] for row in trace if row["name"] == "process_name"}
    assert {processes[row["pid"]]: row["name"] for row in trace if row["ph"] == "X"} == {"real": "a", "simulated": "b"}
    assert len({row["pid"] for row in trace}) == 2


def test_a_trace_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text("before")
    with pytest.raises(TypeError):
        write_trace(tmp_path / "trace.json", [Event("a", "b", 0, 1, {"what": object()})])  # type: ignore[dict-item]
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]
    assert (tmp_path / "trace.json").read_text() == "before"
