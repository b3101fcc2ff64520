"""Published synthesis rows as Designs, to measure weft's estimate against. See the README beside the CSV files."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.lower import _valid_reuse_factors
from weft.hls.precision import FixedType, Integers
from weft.sim.cost.multiplier import signed_digits

Row = Mapping[str, str]
DATA = FixedType(16, 6)  # hls4ml's default, where a file names no type


@dataclass(frozen=True)
class Case:
    """A published row: its design, which row of the report it is (None: the top), and its figures by name."""

    name: str
    group: str
    design: Design
    board: str
    tool: str
    figures: dict[str, float]
    layer: str | None = None
    source: str = ""  # whose report it is, where several are in one file


def cases(path: Path) -> Iterator[Case]:
    """The rows of one file that are a design of layers weft has a model for and that were synthesised."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
        for number, row in enumerate(_completed(rows), 2):
            case = READERS[path.name](row, np.random.default_rng(number))
            if case is not None and case.figures:
                yield case


def _completed(rows: list[dict[str, str]]) -> Iterator[Row]:
    """Rows with what only another row of theirs tells: how many of a layer's weights took a DSP at reuse 1, which
    stands for the weights themselves."""
    hard = {(row["net"], row["config"]): row["DSP"] for row in rows if row.get("project") == "DSP_reuse1"}
    for row in rows:
        yield {**row, "hard": hard.get((row.get("net", ""), row.get("config", "")), "")}


def _stack(row: Row, random: np.random.Generator) -> Case | None:
    if row["io_type"] != "io_parallel" or "conv" in row["kind"]:
        return None
    sizes, bits = [int(size) for size in row["layers"].split("-")], int(row["prec"])
    kind = FixedType(bits, 1)
    steps = [_dense(i, *pair, row, random, kind, int(row["rf"])) for i, pair in enumerate(pairwise(sizes))]
    name = f"{row['layers']} {bits} bit rf {row['rf']}"
    # Half block RAMs are of after synthesis (README), which csynth's figures are not compared with.
    figures = figures_of(row, bram=None)
    return Case(name, "Resource", chain(Tensor("x", (sizes[0],), kind), steps), "alveo-u250", "vitis-2023.2", figures)


def _single(row: Row, random: np.random.Generator) -> Case | None:
    kind = FixedType(int(row["prec_weights"]), 1)
    sizes = int(row["n_in"]), int(row["n_out"])
    step, out = _dense(0, *sizes, row, random, kind, int(row["rf_requested"]), DATA)
    raw = counted(random, kind.width, *(int(row[name]) for name in ("w_zero", "w_pow2", "w_nonzero", "w_csd_digits")))
    step = _with(step, raw.reshape(sizes), kind)
    group = f"{row['strategy'].title()}, RF {'1' if step.reuse_factor == 1 else 'above 1'}"
    name = f"{row['layers']} {kind.width} bit rf {step.reuse_factor} {row['strategy']}"
    design = chain(Tensor("x", (sizes[0],), DATA), [(step, out)])
    return Case(name, group, design, "alveo-u250", "vivado-2020.1", figures_of(row))


def _mlp(row: Row, random: np.random.Generator) -> Case | None:
    """Modules on their own; the LUT_ projects forbid DSPs by a pragma that hls4ml does not write."""
    if not row["n_in"] or row["project"].startswith("LUT"):
        return None
    kind, n_in = row["layer"], int(row["n_in"])
    module = re.search(r"ap_(u?)fixed_(\d+)_(\d+)", row["module"])
    source = FixedType(int(module[2]), int(module[3]), not module[1]) if module else FixedType(16, 4)
    if kind == "dense_latency":
        weight = FixedType.parse(row["weight_t"])
        shape = n_in, int(row["n_out"])
        step, out = _dense(0, *shape, {"strategy": "latency"}, random, weight, int(row["reuse_factor"]), source)
        raw = _trained(random, weight.width, int(row["n_zeros"]), int(row["n_nonzeros"]), int(row["hard"]))
        step, out = _with(step, raw.reshape(shape), weight), Tensor(out.name, out.shape, FixedType(16, 4))
    else:
        name = "Activation" if kind == "relu" else "Softmax"
        attributes: dict[str, Value] = {"activation": "relu"} if kind == "relu" else {"n_in": n_in}
        step, out = Layer("one", name, (), (), attributes), Tensor("y", (n_in,), source)
    design = chain(Tensor("x", (n_in,), source), [(step, out)], float(row["clk_target"]))
    name = f"{row['net']} {row['project']} {kind} {n_in}-{row['n_out']}"
    # DSP at reuse 1 and 2 is where the weights come from, so it proves nothing.
    dsp = None if kind == "dense_latency" and row["reuse_factor"] != "100" else "DSP"
    group = kind.replace("dense_latency", "Dense, Latency")
    figures = figures_of(row, "lat_min", "lat_max", bram="BRAM_18K", dsp=dsp, ff="FF", lut="LUT")
    return Case(name, group, design, "pynq-z2", "vitis-2021.1", figures, step.name)


def _dense(
    number: int, n_in: int, n_out: int, row: Row, random: np.random.Generator, kind: FixedType, asked: int,
    data: FixedType | None = None,
) -> tuple[Layer, Tensor]:  # fmt: skip
    reuse = asked if row["strategy"] == "latency" else closest(asked, n_in, n_out)
    weights = {"weight": trained_weight(random, kind, (n_in, n_out))}
    attributes: dict[str, Value] = {"n_in": n_in, "n_out": n_out}
    layer = Layer(f"dense{number}", "Dense", (), (), attributes, weights, row["strategy"], reuse)
    return layer, Tensor(f"dense{number}_out", (n_out,), data or kind)


@cache
def closest(asked: int, n_in: int, n_out: int) -> int:
    """The valid reuse factor that hls4ml takes; ties go down."""
    return min(_valid_reuse_factors(n_in, n_out), key=lambda factor: (abs(factor - asked), factor))


def chain(first: Tensor, steps: list[tuple[Layer, Tensor]], clock: float = 5.0, io: Io = "io_parallel") -> Design:
    """A design of layers one after another, each with the tensor it makes; their own inputs and outputs are not
    read."""
    layers, before = [], first.name
    for step, out in steps:
        layers.append(Layer(step.name, step.kind, (before,), (out.name,), step.attributes, step.weights, step.strategy,
                            step.reuse_factor))  # fmt: skip
        before = out.name
    tensors = {tensor.name: tensor for tensor in (first, *(out for _, out in steps))}
    return Design("published", io, clock, "", tuple(layers), tensors, (first.name,), (before,))


def _with(layer: Layer, raw: Integers, kind: FixedType) -> Layer:
    return Layer(layer.name, layer.kind, (), (), layer.attributes, {"weight": Weight(raw, kind)}, layer.strategy,
                 layer.reuse_factor)  # fmt: skip


def trained_weight(random: np.random.Generator, kind: FixedType, shape: tuple[int, ...]) -> Weight:
    fan_in = max(1, int(np.prod(shape[:-1])))
    return Weight(_bell(random, kind, int(np.prod(shape)), 0, fan_in).reshape(shape), kind)


def _bell(random: np.random.Generator, kind: FixedType, nonzeros: int, zeros: int, fan_in: int) -> Integers:
    """Weights as training leaves them: normal with variance 2 / fan-in, so many of them zero."""
    values = np.rint(random.normal(0, np.sqrt(2 / fan_in), nonzeros) * 2.0**kind.fraction)
    values = np.where(values == 0, random.choice([-1, 1], nonzeros), values)
    raw = np.concatenate([np.clip(values, kind.minimum, kind.maximum), np.zeros(zeros)]).astype(np.int64)
    return np.asarray(random.permutation(raw), np.int64)


def _trained(random: np.random.Generator, bits: int, zeros: int, nonzeros: int, hard: int) -> Integers:
    """Weights of which `hard` have three signed digits or more, the others one or two."""
    pools = _pools(bits)
    many = np.concatenate([pools[number] for number in pools if number > 2])
    few = np.concatenate([pools[number] for number in pools if number <= 2])
    hard = min(hard, nonzeros)
    parts = [np.zeros(zeros, np.int64), random.choice(many, hard), random.choice(few, nonzeros - hard)]
    return np.asarray(random.permutation(np.concatenate(parts)), np.int64)


def counted(random: np.random.Generator, bits: int, zeros: int, powers: int, nonzeros: int, total: int) -> Integers:
    """Weights of `bits` bits with the published counts of zeros, powers of two and signed digits."""
    pools = _pools(bits)
    several, most = nonzeros - powers, max(pools)
    simple = np.concatenate([pools[number] for number in pools if number > 1] or [pools[1]])
    digits = signed_digits(random.choice(simple, several)) if several else np.zeros(0, np.int64)
    while (missing := total - powers - int(digits.sum())) and several:
        room = np.flatnonzero(digits < most) if missing > 0 else np.flatnonzero(digits > 2)
        if not room.size:
            break
        digits[random.permutation(room)[: abs(missing)]] += 1 if missing > 0 else -1
    parts = [np.zeros(zeros, np.int64)]
    for number in sorted({1, *digits.tolist()}):
        count = powers if number == 1 else int(np.count_nonzero(digits == number))
        parts.append(random.choice(pools[number], count))
    return np.asarray(random.permutation(np.concatenate(parts)), np.int64)


@cache
def _pools(bits: int) -> dict[int, NDArray[np.int64]]:
    """Every nonzero raw integer of so many bits, by its signed digits."""
    raw = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))
    digits = signed_digits(raw)
    return {int(number): raw[digits == number] for number in np.unique(digits) if number}


def figures_of(row: Row, best: str = "best", worst: str = "worst", **names: str | None) -> dict[str, float]:
    """The figures that a row gives, by weft's names; none where synthesis failed."""
    if not row[best]:
        return {}
    columns = {"latency best": best, "latency worst": worst, "interval": "ii_max"}
    columns |= {name: names.get(name, name) or "" for name in ("dsp", "lut", "ff", "bram")}
    return {name: float(row[column]) for name, column in columns.items() if column and row[column].strip()}


READERS: dict[str, Callable[[Row, np.random.Generator], Case | None]] = {
    "dense_stacks.csv": _stack, "dense_single.csv": _single, "mlp.csv": _mlp,
}  # fmt: skip
