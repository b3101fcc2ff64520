"""LSTM, GRU and Bidirectional: a published GRU, and the others against it."""

from __future__ import annotations

from dataclasses import replace

from cost_designs import WORD, cost_of, plain, single, weight

from weft.hls.design import Io, Layer, Tensor, Value
from weft.sim.cost.timing import Cost


def cell(kind: str, gates: int, **attributes: Value) -> Layer:
    """6 values in, 20 states, reuse factors 30 and 20 as HLS4ML_VS_MANUAL@6478cf04 has."""
    constants = {"weight": weight(6, gates * 20), "recurrent_weight": weight(20, gates * 20)}
    layer = plain(kind, recurrent_reuse_factor=20, **attributes)
    return replace(layer, weights=constants, strategy="resource", reuse_factor=30)


def cost(layer: Layer, io: Io = "io_parallel", states: int = 20) -> Cost:
    result = Tensor("y", (20, states) if layer.attributes.get("return_sequences") else (states,), WORD)
    return cost_of(single(layer, io, Tensor("x", (20, 6), WORD), result), "xcu250", "vivado-2019.2")


def test_a_gru_is_the_published_one() -> None:
    # HLS4ML_VS_MANUAL@6478cf04, toptagging GRU, Vivado HLS 2019.2, xcu250, 5 ns: 801 to 821 cycles, 132 DSP, 63 block
    # RAM.
    got = cost(cell("GRU", 3))
    assert (got.best.latency, got.worst.latency) == (801, 821)
    assert (got.best.interval, got.worst.interval) == (801, 821)
    assert (got.resources.dsp, got.resources.bram18) == (132, 63)


def test_an_lstm_has_a_gate_and_two_tables_a_state_more() -> None:
    gru, lstm = cost(cell("GRU", 3)), cost(cell("LSTM", 4))
    assert lstm.best.latency == gru.best.latency
    assert lstm.resources.dsp == gru.resources.dsp + (6 * 20 * 4 // 30 - 12) + (20 * 20 * 4 // 20 - 60)
    assert lstm.resources.bram18 > gru.resources.bram18


def test_two_directions_run_side_by_side() -> None:
    one = cell("GRU", 3)
    names: dict[str, Value] = {}
    for way in ("forward", "backward"):
        names |= {f"{way}_class_name": "GRU", f"{way}_reuse_factor": 30, f"{way}_recurrent_reuse_factor": 20}
    weights = {f"{way}_{name}": value for way in ("forward", "backward") for name, value in one.weights.items()}
    both = cost(replace(one, kind="Bidirectional", attributes=names, weights=weights), states=40)
    assert both.worst.latency == cost(one).worst.latency
    assert both.resources.dsp > cost(one).resources.dsp


def test_a_stream_gives_its_last_state_last_and_every_state_in_turn() -> None:
    last, every = cost(cell("GRU", 3), "io_stream"), cost(cell("GRU", 3, return_sequences=True), "io_stream")
    assert (last.worst.needs, every.worst.needs) == (1.0, 1 / 20)
    assert last.worst.latency == every.worst.latency == 821
