"""`simulate` and `smallest_fifos` on real designs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_designs import dense_design

from weft.boards.errors import DeadlockError, InputError
from weft.hls.design import Design
from weft.sim import estimate, simulate, smallest_fifos
from weft.sim.timeline import write_trace


def test_outputs_are_those_of_run() -> None:
    design = dense_design()
    x = np.random.default_rng(0).normal(size=(7, 4))
    report = simulate(design, "pynq-z2", x)
    (got,) = report.outputs
    np.testing.assert_array_equal(got, design.run(x))
    assert report.samples == 7


def test_what_does_not_depend_on_events_is_the_estimates() -> None:
    design = dense_design()
    closed, events = estimate(design, "pynq-z2"), simulate(design, "pynq-z2")
    assert events.resources == closed.resources
    assert [row.name for row in events.layers] == [row.name for row in closed.layers]
    assert events.interval_cycles.worst >= closed.interval_cycles.worst
    assert abs(events.latency_cycles.worst - closed.latency_cycles.worst) <= 50  # a read latency and a response


def test_a_design_of_streams_has_fifos_stalls_and_events(image: Design, tmp_path: Path) -> None:
    report = simulate(image, "zcu104", samples=6)
    assert report.samples == 6
    assert {fifo.name for fifo in report.fifos} <= set(image.tensors)
    assert all(0 < fifo.mean <= fifo.largest <= fifo.depth for fifo in report.fifos)
    assert sum(row.starved_cycles + row.blocked_cycles for row in report.layers) > 0
    assert {event.track for event in report.events} > {layer.name for layer in image.layers[1:3]}
    assert len([event for event in report.events if event.name == "sample 5"]) == len(report.events) // 6
    write_trace(tmp_path / "trace.json", report.events)
    assert report == simulate(image, "zcu104", samples=6)


def test_more_samples_change_nothing_but_their_number(image: Design) -> None:
    few, many = simulate(image, "zcu104", samples=20), simulate(image, "zcu104", samples=2000)
    assert (few.latency_cycles, few.interval_cycles) == (many.latency_cycles, many.interval_cycles)


def test_smallest_fifos_keep_latency_and_interval_with_fewer_bits(image: Design) -> None:
    small = smallest_fifos(image, "zcu104")
    before, after = simulate(image, "zcu104"), simulate(small, "zcu104")
    assert after.interval_cycles.worst <= before.interval_cycles.worst
    assert after.latency_cycles.worst <= before.latency_cycles.worst
    assert sum(f.depth * f.bits for f in after.fifos) < sum(f.depth * f.bits for f in before.fifos) / 2
    assert after.resources.bram18 <= before.resources.bram18


def test_designs_of_arrays_have_no_fifos_to_shrink() -> None:
    design = dense_design()
    assert smallest_fifos(design, "pynq-z2") is design


def test_a_skip_that_is_too_shallow_deadlocks_and_the_depth_named_opens_it(residual: Design) -> None:
    shallow = residual.with_fifo_depths(dict.fromkeys(residual.tensors, 1))
    with pytest.raises(DeadlockError, match=r"design net_net deadlocks: .* would open it") as error:
        simulate(shallow, "zcu104")
    for words in str(error.value).split("; ")[1].removesuffix(" would open it").split(", "):
        name, depth = words.split(" of depth ")
        shallow = shallow.with_fifo_depths({name: int(depth)})
    assert simulate(shallow, "zcu104").latency_cycles.worst > 0


def test_the_skip_of_a_residual_block_holds_what_the_kernel_waits_for(residual: Design) -> None:
    small = smallest_fifos(residual, "zcu104")
    (deepest,) = sorted(tensor.fifo_depth for tensor in small.tensors.values())[-1:]
    assert 10 <= deepest <= 24  # one row of 8 and two pixels of a 3x3 kernel, and the convolution's own latency
    assert simulate(small, "zcu104").interval_cycles == simulate(residual, "zcu104").interval_cycles


def test_firmware_is_written_with_the_designs_depths(image: Design, tmp_path: Path) -> None:
    deep = image.with_fifo_depths(dict.fromkeys(image.tensors, 77))
    text = next((deep.write(tmp_path / "a") / "firmware").glob("net_*.cpp")).read_text()
    assert "depth=77" in text
    text = next((image.write(tmp_path / "b") / "firmware").glob("net_*.cpp")).read_text()
    assert "depth=77" not in text


def test_inputs_and_samples_are_checked() -> None:
    design = dense_design()
    with pytest.raises(InputError, match=r"\(N, 4\) is wanted"):
        simulate(design, "pynq-z2", np.zeros((3, 5)))
    with pytest.raises(InputError, match="-1 samples"):
        simulate(design, "pynq-z2", samples=-1)
    with pytest.raises(InputError, match=r"a clock of 0\.0 ns"):
        simulate(replace(design, clock_ns=0.0), "pynq-z2")
