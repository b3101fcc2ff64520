"""The fitted constants of `sim/cost` refitted without one shape, width or network at a time, and asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from held_out import Floats
from published import Case, folder
from published_dense import mlp_cases, single_cases, stack_cases
from refit import gridded, linear
from rich.console import Console
from rich.table import Table

from weft.boards import load_board
from weft.hls.design import Layer
from weft.sim.cost.constants import Constants, constants_of
from weft.sim.cost.dsp import NARROW_FACTOR
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context
from weft.sim.cost.unrolled import unrolled_products

#: Of one rule: what it is, what was left out at a time, and the errors of every row, fitted on all and on the others.
Outcome = tuple[str, str, Floats, Floats]


def bench_held_out() -> None:
    """Prints for each fitted rule the error with constants of all rows and with constants of the other rows only."""
    grid = Table(title="Fitted constants, refitted on the rows that are not asked for")
    for column in ("rule", "left out", "rows", "median", "90 %", "held-out median", "held-out 90 %"):
        grid.add_column(column, justify="left" if column in ("rule", "left out") else "right")
    rules = {"dense_stacks.csv": _stacks, "dense_single.csv": _singles, "mlp.csv": _modules}
    for name, rule in rules.items():
        for title, left_out, every, held in rule(folder() / name) if (folder() / name).is_file() else ():
            spread = (np.quantile(errors, at) for errors in (every, held) for at in (0.5, 0.9))
            grid.add_row(title, left_out, str(len(every)), *(f"{value:.1%}" for value in spread))
    Console(width=140).print(grid)


def _stacks(path: Path) -> Iterator[Outcome]:
    """LUT and FF of Vitis' Resource Dense (`shared._vitis_logic`), sums over the layers of a stack."""
    cases = list(stack_cases(path))
    layers = [[_sizes(layer) for layer in case.design.layers] for case in cases]
    lut = [np.sum([(i, o, o * b, m * b * _padded(o)) for i, o, m, b, _ in stack], axis=0) for stack in layers]
    ff = [np.sum([(i, o, m) for i, o, m, _, _ in stack], axis=0) for stack in layers]
    yield from _outcomes("stacks, Resource", cases, "lut", np.array(lut, float))
    yield from _outcomes("stacks, Resource", cases, "ff", np.array(ff, float))


def _singles(path: Path) -> Iterator[Outcome]:
    """Vivado's Resource Dense above two turns (`shared._vivado_logic`) and at reuse 1 (`unrolled._loop_ff`), delays."""
    cases = list(single_cases(path))
    shared = [case for case in cases if case.group == "Resource, RF above 1" and _sizes(case.design.layers[0])[4] > 2]
    sizes = [_sizes(case.design.layers[0]) for case in shared]
    lut = [(1, i, m * _padded(o), min(20, 2 * turns) * o) for i, o, m, _, turns in sizes]
    ff = [(1, o, m * (16 if bits > 4 else bits)) for _, o, m, bits, _ in sizes]
    yield from _outcomes("single, Resource", shared, "lut", np.array(lut, float))
    yield from _outcomes("single, Resource", shared, "ff", np.array(ff, float))
    loops = [case for case in cases if case.group == "Resource, RF 1" and case.figures["latency best"]]
    words = [(_sizes(case.design.layers[0])[1], *_products(case)) for case in loops]
    yield from _outcomes("single, Resource at reuse 1", loops, "ff", np.array(words, float))
    alone = [case for case in cases if case.group in ("Latency, RF 1", "Resource, RF 1")]
    delays = {"multiply_ns": np.arange(1.6, 2.9, 0.4), "tree_ns": np.arange(0.65, 0.96, 0.03)}
    yield _delays("single, delays of UltraScale+", alone, delays)
    turns = [case for case in cases if case.group == "Latency, RF above 1"]
    yield (
        "single, Latency above reuse 1, cycles",
        "weights",
        _cycle_errors(turns),
        _cycle_errors(case for case in single_cases(path, alone=True) if case.group == "Latency, RF above 1"),
    )
    yield _delays("single, turns on UltraScale+", turns, {"turn_ns": np.arange(4.0, 18.0)})


def _outcomes(title: str, cases: list[Case], figure: str, features: Floats) -> Iterator[Outcome]:
    published = np.array([case.figures[figure] for case in cases])
    for left_out, at in (("shape", 0), ("width", 1)):
        yield f"{title}, {figure}", left_out, *linear(features, published, [case.name.split()[at] for case in cases])


def _modules(path: Path) -> Iterator[Outcome]:
    """Delays of zynq7: of products and trees, and of turns on shared multipliers."""
    cases = [case for case in mlp_cases(path) if case.group == "Dense, Latency"]
    trees = [case for case in cases if _constants(case).count <= 4096 and case.design.layers[0].reuse_factor < 100]
    yield _delays(
        "mlp, delays of zynq7", trees, {"multiply_ns": np.arange(6.0, 13.0), "tree_ns": np.arange(1.5, 4.1, 0.25)}
    )
    turns = [case for case in cases if case.design.layers[0].reuse_factor == 100]
    yield _delays("mlp, turns on zynq7", turns, {"turn_ns": np.arange(10.0, 21.0)})


def _cycle_errors(cases: Iterable[Case], delays: Mapping[str, float] | None = None) -> Floats:
    """Relative errors of cycles, with fields of Fabric replaced."""
    apart = [
        (_cycles(case, delays or {}) - case.figures["latency best"], case.figures["latency best"]) for case in cases
    ]
    return np.array([abs(cycles) / max(1.0, published) for cycles, published in apart])


def _delays(title: str, cases: list[Case], delays: Mapping[str, Iterable[float]]) -> Outcome:
    """Errors of cycles, with the delays (fields of Fabric) searched for."""

    def errors(point: tuple[float, ...]) -> Floats:
        return _cycle_errors(cases, dict(zip(delays, point, strict=True)))

    every, held = gridded(list(product(*delays.values())), errors, [case.name.split()[0] for case in cases])
    return title, "network", every, held


def _cycles(case: Case, delays: Mapping[str, float]) -> int:
    layer, fabric = case.design.layers[0], fabric_of(load_board(case.board).family)
    changed: dict[str, Any] = dict(delays)
    context = Context(case.design, replace(fabric, **changed), case.design.clock_ns, case.tool)
    data, n_out = context.source(layer).type, _sizes(layer)[1]
    return unrolled_products(layer, layer.weights["weight"], data, n_out, context).best


def _sizes(layer: Layer) -> tuple[int, int, int, int, int]:
    """Inputs, outputs, multipliers, weight bits, outputs a multiplier serves."""
    weight = layer.weights["weight"]
    n_in, n_out = weight.raw.shape
    turns = -(-layer.reuse_factor // n_in)
    return n_in, n_out, -(-weight.raw.size // layer.reuse_factor), weight.type.width, turns


def _padded(outputs: int) -> int:
    return 1 << int(np.ceil(np.log2(outputs)))


def _constants(case: Case) -> Constants:
    layer = case.design.layers[0]
    return constants_of(layer.weights["weight"], _sizes(layer)[1], True)


def _products(case: Case) -> tuple[int, int, float]:
    """Multiplied products, terms that are added instead, and products of these that wait beside multiplied ones."""
    constants, narrow = _constants(case), _sizes(case.design.layers[0])[3] <= NARROW_FACTOR
    multiplied = 0 if narrow else constants.multiplied
    beside = (constants.nonzero - multiplied) * multiplied / constants.nonzero
    return multiplied, constants.terms if narrow else constants.simple_terms, beside
