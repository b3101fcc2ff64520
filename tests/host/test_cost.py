"""Costs of operators on a processor: the roofline, calls, and where a profile comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from recurrent_nodes import GATES, recurrent

from weft.boards import load_board
from weft.host import cost
from weft.host.cost import FAMILIES, Profile, board_profile, keep_profile, kept_profile, processor_profile

PROFILE = Profile(dict.fromkeys(FAMILIES, 1e9), 1e9, 4e9, 2e-6, 5e-6, 10.0, measured=True)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))


def node(operator: str, shape: list[int | str], weights: tuple[int, ...] = ()) -> ir.Node:
    initialisers = [numpy_helper.from_array(np.zeros(weights, np.float32), "w")] if weights else []
    y = [shape[0], weights[-1]] if weights else shape
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *(["w"] if weights else [])], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)], initialisers,
    )  # fmt: skip
    return next(iter(ir.from_proto(helper.make_model(graph)).graph))


def test_a_node_takes_the_slower_of_arithmetic_and_memory() -> None:
    product = node("MatMul", ["N", 100], (100, 50))
    moved = 4 * (100 + 100 * 50 + 50)
    memory = replace(PROFILE, cached_bytes_per_s=1e9)
    assert memory.seconds([product]) == pytest.approx(moved * 1e-9 + 7e-6)
    assert PROFILE.seconds([product]) == pytest.approx(2 * 100 * 50 * 1e-9 + 7e-6)


def test_what_does_not_stay_in_a_cache_comes_from_memory() -> None:
    product = node("MatMul", ["N", 1100], (1100, 1000))
    assert PROFILE.seconds([product]) == pytest.approx(4 * (1100 + 1100 * 1000 + 1000) * 1e-9 + 7e-6)


def test_what_moves_values_reads_what_it_writes() -> None:
    assert PROFILE.seconds([node("Gather", ["N", 100])]) == pytest.approx(2 * 400 / 4e9 + 7e-6)


def test_a_batch_shares_the_calls_and_views_are_free() -> None:
    view = node("Flatten", ["N", 100])
    assert PROFILE.seconds([view, view]) == pytest.approx(9e-6)
    assert PROFILE.seconds([view, view], samples=10) == pytest.approx(0.9e-6)


def test_rates_are_by_family() -> None:
    slow = replace(PROFILE, operations_per_s={**PROFILE.operations_per_s, "function": 1e6})
    assert slow.seconds([node("Erf", ["N", 100])]) == pytest.approx(100e-6 + 7e-6)
    assert slow.seconds([node("Relu", ["N", 100])]) == pytest.approx(200e-9 + 7e-6)


@pytest.mark.parametrize(("operator", "calls"), [("LSTM", 2), ("GRU", 3)])
def test_steps_of_a_recurrent_layer_follow_one_another(operator: str, calls: int) -> None:
    """Its inputs are multiplied at once; each step reads the weights of the state, applies the gates, and calls."""
    profile = replace(PROFILE, operations_per_s={**PROFILE.operations_per_s, "matrix": 1e12})
    cells, features, count = 64, 32, 10
    wide = GATES[operator] * cells
    once = 4 * (count * features + wide * features + wide * cells + count * cells) / 4e9
    step = 4 * wide * cells / 4e9 + wide / 1e9
    node = recurrent(operator, [count, "N", features], cells)
    assert profile.seconds([node]) == pytest.approx(once + count * step + (1 + calls * count) * 2e-6 + 5e-6)
    alone = profile.seconds([node]) - profile.seconds([node], samples=10)
    assert alone == pytest.approx(0.9 * ((1 + calls * count) * 2e-6 + 5e-6))


def test_without_a_measurement_the_boards_figures_count() -> None:
    board = load_board("pynq-z2")
    assert processor_profile(board) == board_profile(board)
    assert not board_profile(board).measured
    assert board_profile(board).operations_per_s["matrix"] == board.host.gflops_per_s * 1e9
    assert board_profile(load_board("alveo-u280")).bytes_per_s < 4.6e11 / 2  # the host's memory, not the card's HBM


def test_a_kept_profile_is_found_again() -> None:
    path = keep_profile(PROFILE)
    assert kept_profile() == PROFILE == processor_profile(load_board("kv260"))
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "change",
    [("weft-profile/1", "weft-profile/0"), (' "bytes_per_s": 1', ' "bytes_per_s": -1'), ("{", "["), ("5e-06", "NaN")],
)
def test_a_damaged_profile_is_not_used(change: tuple[str, str]) -> None:
    path = keep_profile(PROFILE)
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    assert kept_profile() is None


def test_another_driver_has_another_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_profile(PROFILE)
    monkeypatch.setattr(cost, "version", lambda _: "99.0")
    assert kept_profile() is None
