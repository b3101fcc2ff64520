"""dense_single.csv, dense_stacks.csv and mlp.csv: Dense layers alone, stacks of them, and modules of small networks."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from published import DATA, Case, Row, chain, figures_of
from published_weights import counted, initial, trained

from weft.hls.design import Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType, Integers
from weft.hls.strategies import valid_factors
from weft.sim.cost.constants import constants_of

#: What wa-hls4ml-search@8e70542 asked for. The file gives the valid factor nearest to it, which hls4ml uses for
#: Resource only: 32-32 has 2 multipliers at 512 and 1024 alike, 32-64 has 4 and 3: DIV_ROUNDUP(n_in * n_out, 1023).
_ASKED = (1, 512, 1023)

#: What a module reads, its layer, and what it makes.
Step = tuple[Tensor, Layer, Tensor]

# Types in the name of a function template: ap_ufixed_8_1_4_0_0 is ap_ufixed<8,1,AP_RND_CONV,AP_SAT>.
_MODULE_TYPE = r"ap_(u?)fixed_(\d+)_(\d+)_(\d)_(\d)"


def stack_cases(path: Path) -> Iterator[Case]:
    """Stacks of Dense layers; the conv2d stacks have no spatial sizes, without which no figure can be compared."""
    for number, row in enumerate(_rows(path), 2):
        if row["io_type"] != "io_parallel" or "conv" in row["kind"] or not row["best"]:
            continue
        random, kind = np.random.default_rng(number), FixedType(int(row["prec"]), 1)
        sizes = [int(size) for size in row["layers"].split("-")]
        steps = []
        for position, (n_in, n_out) in enumerate(pairwise(sizes)):
            reuse = closest(int(row["rf"]), n_in, n_out)
            step = _dense(f"dense{position}", initial(random, kind, (n_in, n_out)), kind, row["strategy"], reuse)
            steps.append((step, Tensor(f"{step.name}_out", (n_out,), kind)))
        name = f"{row['layers']} {kind.width} bit rf {row['rf']}"
        # Half block RAMs are of after synthesis (README), which csynth's figures are not compared with.
        figures = figures_of(row, bram=None)
        design = chain(Tensor("x", (sizes[0],), kind), steps)
        yield Case(name, "Resource", design, "alveo-u250", "vitis-2023.2", figures)


def single_cases(path: Path, *, alone: bool = False) -> Iterator[Case]:
    """Single layers, grouped by strategy and by reuse factor: 1 or above.

    How many of a row's weights are multiplied is told by the other rows of the same weights, or `alone` by the
    initialisation they are drawn from.
    """
    rows = _rows(path)
    networks = defaultdict(list)
    for row in rows:
        networks[row["design_id"], row["prec_weights"]].append(row)
    for number, row in enumerate(rows, 2):
        if not row["best"]:
            continue
        random, kind = np.random.default_rng(number), FixedType(int(row["prec_weights"]), 1)
        shape = int(row["n_in"]), int(row["n_out"])
        others = [one for one in networks[row["design_id"], row["prec_weights"]] if one is not row]
        multiplied = None if alone else _multiplied(others)
        if multiplied is None:
            multiplied = constants_of(Weight(initial(random, kind, shape), kind), shape[1], True).multiplied
        zeros, powers, digits = (int(row[name]) for name in ("w_zero", "w_pow2", "w_csd_digits"))
        raw = counted(random, kind, shape, zeros, powers, digits, multiplied)
        step = _dense("dense0", raw, kind, row["strategy"], _built(row, *shape))
        group = f"{row['strategy'].title()}, RF {'1' if step.reuse_factor == 1 else 'above 1'}"
        name = f"{row['layers']} {kind.width} bit rf {step.reuse_factor} {row['strategy']}"
        design = chain(Tensor("x", shape[:1], DATA), [(step, Tensor("y", shape[1:], DATA))])
        yield Case(name, group, design, "alveo-u250", "vivado-2020.1", figures_of(row))


def _multiplied(others: list[Row]) -> int | None:
    """Products that need a multiplier, as far as other rows of the same weights tell.

    Where multipliers are shared, turns times multipliers: one cycle follows the turns, and the last turn has from one
    product to all, of which the middle is taken. Else the DSP blocks at reuse 1. None where no other row tells.
    """
    latency = [row for row in others if row["strategy"] == "latency" and row["best"]]
    shared = [(float(row["best"]) - 1.5) * int(row["dsp"]) + 0.5 for row in latency if int(row["best"]) > 2]
    alone = [float(row["dsp"]) for row in others if row["best"] and row["rf_requested"] == "1"]
    told = shared or alone
    return int(np.ceil(np.median(told))) if told else None


def _built(row: Row, n_in: int, n_out: int) -> int:
    """The reuse factor that was built: what was asked for (Latency), or the valid one that the row gives (Resource)."""
    factor = int(row["rf_requested"])
    if row["strategy"] != "latency":
        return factor
    return next((asked for asked in _ASKED if closest(asked, n_in, n_out) == factor), factor)


def mlp_cases(path: Path) -> Iterator[Case]:
    """Modules alone and whole networks; the LUT_ projects forbid DSPs by a pragma that hls4ml does not write."""
    rows = _rows(path)
    hard = {(row["net"], row["config"]): int(row["DSP"]) for row in rows if row["project"] == "DSP_reuse1"}
    networks: dict[tuple[str, str], list[tuple[int, Step]]] = defaultdict(list)
    for number, row in enumerate(rows, 2):
        if not row["n_in"] or row["project"].startswith("LUT"):
            continue
        step = _module(np.random.default_rng(number), row, hard[row["net"], row["config"]])
        networks[row["net"], row["project"]].append((int(row["config"]), step))
        name = f"{row['net']} {row['project']} {row['layer']} {row['n_in']}-{row['n_out']}"
        # DSP at reuse 1 and 2 is where the weights come from, so it proves nothing.
        dsp = None if row["layer"] == "dense_latency" and row["reuse_factor"] != "100" else "DSP"
        yield _mlp_case(row, name, row["layer"].replace("dense_latency", "Dense, Latency"), [step], dsp, step[1].name)
    for row in rows:
        if row["layer"] == "myproject" and (row["net"], row["project"]) in networks:
            steps = sorted(networks[row["net"], row["project"]], key=lambda numbered: numbered[0])
            yield _mlp_case(row, f"{row['net']} {row['project']}", "whole network", [step for _, step in steps], None)


def _mlp_case(row: Row, name: str, group: str, steps: list[Step], dsp: str | None, layer: str | None = None) -> Case:
    figures = figures_of(row, "lat_min", "lat_max", bram="BRAM_18K", dsp=dsp, ff="FF", lut="LUT")
    design = chain(steps[0][0], [(made, result) for _, made, result in steps], float(row["clk_target"]))
    return Case(name, group, design, "pynq-z2", "vitis-2021.1", figures, layer)


def _module(random: np.random.Generator, row: Row, hard: int) -> Step:
    n_in, name = int(row["n_in"]), f"{row['layer']}{row['config']}"
    types = [FixedType(int(width), int(integer), not unsigned, "RND_CONV" if rounding == "4" else "TRN",
                       "SAT" if overflow == "0" else "WRAP")
             for unsigned, width, integer, rounding, overflow in re.findall(_MODULE_TYPE, row["module"])]  # fmt: skip
    source, result = types[0], types[-1]  # a softmax's module names its input's type only
    if row["layer"] == "dense_latency":
        kind, shape = FixedType.parse(row["weight_t"]), (n_in, int(row["n_out"]))
        made = _dense(name, trained(random, kind, shape, int(row["n_zeros"]), hard), kind, "latency",
                      int(row["reuse_factor"]))  # fmt: skip
        made = replace(made, attributes={**made.attributes, "accum_t": FixedType.parse(row["accum_t"])})
        return Tensor(f"{name}_in", (n_in,), source), made, Tensor(f"{name}_out", shape[1:], result)
    relu = row["layer"] == "relu"
    attributes: dict[str, Value] = {"activation": "relu"} if relu else {"n_in": n_in}
    made = Layer(name, "Activation" if relu else "Softmax", (), (), attributes)
    return Tensor(f"{name}_in", (n_in,), source), made, Tensor(f"{name}_out", (n_in,), result)


def _dense(name: str, raw: Integers, kind: FixedType, strategy: str, reuse: int) -> Layer:
    attributes: dict[str, Value] = {"n_in": raw.shape[0], "n_out": raw.shape[1]}
    return Layer(name, "Dense", (), (), attributes, {"weight": Weight(raw, kind)}, strategy, reuse)


@cache
def closest(asked: int, n_in: int, n_out: int) -> int:
    """The valid reuse factor that hls4ml takes; ties go down."""
    return min(valid_factors(n_in, n_out), key=lambda factor: (abs(factor - asked), factor))


def _rows(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
