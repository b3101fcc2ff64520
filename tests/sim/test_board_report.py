"""The cycle model of the virtual board: the plan's numbers, in bounded time whatever the design."""

from __future__ import annotations

import pytest
from small_designs import dense_design, relu_chain

from weft.boards import load_board
from weft.boards.errors import DeadlockError, TooLongError
from weft.hls.design import Design, Layer, Tensor
from weft.hls.precision import FixedType
from weft.sim import estimate, simulate
from weft.sim.board_report import board_report

BOARD = load_board("pynq-z2")


@pytest.mark.parametrize("design", [dense_design(), relu_chain(3, 40)])
def test_it_is_what_simulate_says(design: Design) -> None:
    assert board_report(design, BOARD, 5.0) == simulate(design, BOARD, clock_ns=5.0)


@pytest.mark.parametrize("design", [relu_chain(2, 20_000), relu_chain(2, 3_000_000, 64)])
def test_a_design_that_would_take_long_gets_the_closed_form(design: Design) -> None:
    """The first has work without end at each token, the second is only large."""
    report, closed = board_report(design, BOARD, 10.0), estimate(design, BOARD, 10.0)
    assert report.samples == 1
    assert report.latency_cycles.worst == closed.latency_cycles.worst + BOARD.memory.latency_cycles
    assert report.interval_cycles == closed.interval_cycles  # a value a cycle: the memory is faster


def test_the_closed_form_is_no_faster_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.board_report._LIMIT", 0)
    wide = dense_design(1024, 512)
    moved = 1024 + 2 * 512  # bytes of one sample, int8 in and int16 out
    report = board_report(wide, BOARD, 1.0)
    seconds = max(1024 / BOARD.link.bytes_per_s, moved / (BOARD.memory.bytes_per_s * BOARD.memory.efficiency))
    assert report.interval_cycles.worst == max(estimate(wide, BOARD, 1.0).interval_cycles.worst, -(-seconds * 1e9 // 1))


def test_the_limit_is_counted_not_timed() -> None:
    design = relu_chain(2, 200)
    with pytest.raises(TooLongError, match="too large to be simulated event by event"):
        simulate(design, BOARD, limit=20_000)
    assert simulate(design, BOARD, limit=2_000_000) == simulate(design, BOARD)


def test_a_deadlock_is_found_within_the_limit_too() -> None:
    """A sum of a ReLU and of all of it reversed, which comes when the other stream's FIFO has long been full."""
    kind = FixedType(8, 3)
    layers = (
        Layer("input", "Input", (), ("x",)),
        Layer("clone", "Clone", ("x",), ("a", "b")),
        Layer("turn", "Transpose", ("a",), ("c",), {"perm": (1, 0)}),
        Layer("sum", "Merge", ("b", "c"), ("y",), {"op": "add"}),
    )
    tensors = {name: Tensor(name, (50, 1), kind, fifo_depth=4) for name in "xabcy"}
    design = Design("skip", "io_stream", 10.0, "", layers, tensors, ("x",), ("y",))
    with pytest.raises(DeadlockError, match=r"b .*of depth 50 would open it"):
        board_report(design, BOARD, 10.0)
