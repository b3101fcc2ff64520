"""LSTM, GRU and Bidirectional: two matrix-vector products a time step, then gates and states."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import NamedTuple

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.activation import tables
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import products, weight_of
from weft.sim.cost.reading import beats, channels
from weft.sim.cost.timing import Cost, Timing, at_once

# Cycles of a step after its products. GRU: a sum, the gates' table, the reset product and a sum (2), the candidate's
# table, the mixing products and their sum (2): 7, published 38 to 39 for products of 31 to 32
# (HLS4ML_VS_MANUAL@6478cf04, Vivado HLS 2019.2, xcu250, 5 ns). LSTM's chain is as long: sum, tables, memory's products
# and sum, table, product.
_AFTER_PRODUCTS = 7

# A step is called by a loop with 2 cycles of its own: 20 steps of 38 to 39 take 801 to 821 (the same report).
_LOOP = 2

# Products of two values a state: GRU resets, keeps and renews (60 of the report's 132 DSPs for 20 states); LSTM lets
# in, keeps and lets out.
_STATE_PRODUCTS = 3

# Tables a state: GRU's two gates and candidate; LSTM's three gates, candidate and output.
_TABLES = {"GRU": 3, "LSTM": 5}

# The same report: what a state's sums take beside products and tables (1,706 LUT and 3,732 FF for 20 states of 16
# bits), and choosing a step's values from the array of all (49,743 LUT for 96 bits of 20 steps of 6 values).
_STATE_LUT_BITS, _STATE_FF_BITS, _CHOICE_LUT = 5.3, 11.7, 4.3


class _Cell(NamedTuple):
    """One time step: cycles, best and worst, and fabric."""

    best: int
    worst: int
    resources: Resources


def recurrent(layer: Layer, context: Context) -> Cost:
    """LSTM and GRU: steps run one after another, since each needs the state that the one before it left."""
    factors = layer.reuse_factor, _recurrent_reuse(layer, "recurrent_reuse_factor")
    return _over_time(layer, context, [_cell(layer, factors, context)])


def bidirectional(layer: Layer, context: Context) -> Cost:
    """Two cells side by side in one loop, one from each end of the sequence."""
    cells = []
    for way in ("forward", "backward"):
        prefix = f"{way}_"
        weights = {name.removeprefix(prefix): one for name, one in layer.weights.items() if name.startswith(prefix)}
        kind = str(layer.attributes.get(f"{prefix}class_name", "LSTM")).removeprefix("Q")
        factors = (
            _recurrent_reuse(layer, f"{prefix}reuse_factor"),
            _recurrent_reuse(layer, f"{prefix}recurrent_reuse_factor"),
        )
        cells.append(_cell(replace(layer, kind=kind, weights=weights), factors, context))
    return _over_time(layer, context, cells)


def _cell(layer: Layer, factors: tuple[int, int], context: Context) -> _Cell:
    """A step of an LSTM or GRU whose products by its input and by its state have these reuse factors."""
    first, second = weight_of(layer), weight_of(layer, "recurrent_weight")
    source, result = context.source(layer), context.result(layer)
    states, gates = second.raw.shape
    by_input = products(replace(layer, reuse_factor=factors[0]), first, source.type, first.raw.shape[0], gates, context)
    by_state = products(replace(layer, reuse_factor=factors[1]), second, result.type, states, gates, context)
    bits = result.type.width
    gate = tables(layer, context, _TABLES.get(layer.kind, _TABLES["LSTM"]) * states, bits)
    dsp = _STATE_PRODUCTS * states * dsps_per_product(result.type, result.type, context.fabric, context.tool)
    sums = Resources(lut=round(_STATE_LUT_BITS * states * bits), ff=round(_STATE_FF_BITS * states * bits), dsp=dsp)
    return _Cell(
        max(by_input.best, by_state.best) + _AFTER_PRODUCTS,
        max(by_input.worst, by_state.worst) + _AFTER_PRODUCTS,
        by_input.resources + by_state.resources + gate + sums,
    )


def _over_time(layer: Layer, context: Context, cells: list[_Cell]) -> Cost:
    source = context.source(layer)
    steps, step_bits = beats(source), channels(source) * source.type.width
    best, worst = max(cell.best for cell in cells) + _LOOP, max(cell.worst for cell in cells) + _LOOP
    resources = sum((cell.resources for cell in cells), Resources())
    if context.stream:
        needs = 1 / steps if layer.attributes.get("return_sequences") else 1.0
        fast, slow = (Timing(steps * cycles + 1, steps * cycles + 1, cycles, needs) for cycles in (best, worst))
        return Cost(fast, slow, resources)
    resources += Resources(lut=ceil(_CHOICE_LUT * len(cells) * step_bits * source.size))
    fast, slow = (at_once(steps * cycles + 1, steps * cycles + 1) for cycles in (best, worst))
    return Cost(fast, slow, resources)


def _recurrent_reuse(layer: Layer, name: str) -> int:
    value = layer.attributes.get(name, layer.reuse_factor)
    return value if isinstance(value, int) else layer.reuse_factor
