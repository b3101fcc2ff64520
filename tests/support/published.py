"""Published synthesis rows as Designs, to measure weft's estimate against. See the README beside the CSV files."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from published_weights import bell

from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType

Row = Mapping[str, str]
DATA = FixedType(16, 6)  # hls4ml's default, where a file names no type

#: A board of the family that a part belongs to; only its delays and DSP widths matter here.
BOARDS = {"xc7z": "pynq-z2", "xczu": "zcu104", "xcu50": "alveo-u50", "xcu280": "alveo-u280"}


def folder() -> Path:
    """Where the published reports lie: WEFT_PUBLISHED, or beside the clone."""
    return Path(os.environ.get("WEFT_PUBLISHED") or Path(__file__).resolve().parents[3] / "shared" / "data")


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


def cases(path: Path) -> Iterator[Case]:
    """The rows of one file that are a design of layers weft has a model for and that were synthesised."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
        for number, row in enumerate(_completed(rows), 2):
            case = READERS[path.name](row, np.random.default_rng(number))
            if case is not None and case.figures:
                yield case


def _completed(rows: list[dict[str, str]]) -> Iterator[Row]:
    """Rows with what only another row of theirs tells: a project's clock."""
    clocks = {row["design_id"]: row["clk_target_ns"] for row in rows if row.get("clk_target_ns")}
    for row in rows:
        clock = row.get("clk_target_ns") or clocks.get(row.get("design_id", ""), "5")
        yield {**row, "clock": clock}


_LAYERS = {
    "dense": "Dense", "conv2d:conv_2d_cl": "Conv2D", "conv1d:conv_1d_cl": "Conv1D", "relu": "Activation",
    "tanh": "Activation", "sigmoid": "Activation", "softmax": "Softmax", "pooling2d:pooling2d_cl": "Pooling2D",
    "padding2d:zeropad2d_cl": "ZeroPadding2D", "padding1d:zeropad1d_cl": "ZeroPadding1D",
    "conv1d:pointwise_conv_1d_cl": "PointwiseConv1D", "pooling1d:global_pooling1d_cl": "GlobalPooling1D",
    "batchnorm:normalize": "BatchNormalization",
}  # fmt: skip


def _layer(row: Row, random: np.random.Generator) -> Case | None:
    """One layer of a project. Random weights stand for the published ones, which are not given."""
    if row["level"] != "LAYER" or row["kind"] not in _LAYERS or row["lat_min"] in ("", "?"):
        return None
    kind = _LAYERS[row["kind"]]
    io: Io = "io_stream" if row["io_type"] == "io_stream" else "io_parallel"
    sizes = {
        key: int(value)
        for key, value in (part.split("=", 1) for part in row["config_all"].split(";"))
        if value.isdigit()
    }
    attributes: dict[str, Value] = {**sizes, "activation": row["kind"]} if kind == "Activation" else {**sizes}
    source, result = _type(row["in_t"]), _type(row["out_t"])
    shapes = _shapes(row, kind)
    if source is None or result is None or shapes is None:
        return None
    reuse = max(1, sizes.get("reuse_factor", 1))
    weights = _layer_weights(row, kind, sizes, random)
    step = Layer("one", kind, (), (), attributes, weights, row["strategy"] or "latency", reuse)
    clock = float(row["clock"])
    design = chain(Tensor("x", shapes[0], source), [(step, Tensor("y", shapes[1], result))], clock, io)
    name = f"{row['design_id'].split('/')[-1][:30]} {row['module'][:40]}"
    family = "dense" if kind == "Dense" else row["kind"].split(":")[0]
    tool = re.sub(r"(\w+) HLS (\d+\.\d).*", r"\1-\2", row["tool"]).lower()
    return Case(
        name, f"{family}, {io}", design, _board(row["part"]), tool, figures_of(row, "lat_min", "lat_max"), "one"
    )


def _layer_weights(row: Row, kind: str, sizes: Mapping[str, int], random: np.random.Generator) -> dict[str, Weight]:
    kind_of = _type(row["weight_t"]) or _type(row["bias_t"]) or DATA
    if kind == "BatchNormalization":
        return {name: trained_weight(random, kind_of, (sizes["n_filt"],)) for name in ("scale", "bias")}
    if kind == "Dense":
        shape = tuple(sizes[name] for name in ("n_in", "n_out"))
    elif "Conv" in kind:
        names = (
            ("filt_height", "filt_width", "n_chan", "n_filt") if "2D" in kind else ("filt_width", "n_chan", "n_filt")
        )
        shape = tuple(sizes.get(name, 1) for name in names)
    else:
        return {}
    weight = trained_weight(random, kind_of, shape)
    weight.raw.reshape(-1)[random.permutation(weight.raw.size)[: int(row["n_zeros"] or 0)]] = 0
    return {"weight": weight}


def _shapes(row: Row, kind: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Shapes of input and output; a stream's last axis is its array's length, which the type tells."""
    lengths = [re.search(r", ?(\d+)\*1>", row[name]) for name in ("in_t", "out_t")]
    if not row["in_shape"]:
        return None
    first = tuple(int(size) for size in row["in_shape"].split("x"))
    second = tuple(int(size) for size in row["out_shape"].split("x")) if row["out_shape"] else first
    shapes = []
    for shape, length in zip((first, second), lengths, strict=True):
        flat = len(shape) == 1 and length is not None
        shapes.append((shape[0] // int(length[1]), int(length[1])) if flat and length is not None else shape)
    return shapes[0], shapes[1]


def chain(first: Tensor, steps: list[tuple[Layer, Tensor]], clock: float = 5.0, io: Io = "io_parallel") -> Design:
    """A design of layers in a row, each with the tensor it makes; their own inputs and outputs are not read."""
    layers, before = [], first.name
    for step, out in steps:
        layers.append(Layer(step.name, step.kind, (before,), (out.name,), step.attributes, step.weights, step.strategy,
                            step.reuse_factor))  # fmt: skip
        before = out.name
    tensors = {tensor.name: tensor for tensor in (first, *(out for _, out in steps))}
    return Design("published", io, clock, "", tuple(layers), tensors, (first.name,), (before,))


def trained_weight(random: np.random.Generator, kind: FixedType, shape: tuple[int, ...]) -> Weight:
    fan_in = max(1, int(np.prod(shape[:-1])))
    return Weight(bell(random, kind, int(np.prod(shape)), 0, fan_in).reshape(shape), kind)


def figures_of(row: Row, best: str = "best", worst: str = "worst", **names: str | None) -> dict[str, float]:
    """The figures that a row gives, by weft's names; none where synthesis failed."""
    if not row[best]:
        return {}
    columns = {"latency best": best, "latency worst": worst, "interval": "ii_max"}
    columns |= {name: names.get(name, name) or "" for name in ("dsp", "lut", "ff", "bram")}
    return {name: float(row[column]) for name, column in columns.items() if column and row[column].strip()}


def _type(text: str) -> FixedType | None:
    found = re.search(r"ap_u?fixed<[^<>]*>", text)
    return FixedType.parse(re.sub(r",\s*0>", ">", found[0])) if found else None


def _board(part: str) -> str:
    return next((board for prefix, board in BOARDS.items() if part.startswith(prefix)), "alveo-u250")


READERS: dict[str, Callable[[Row, np.random.Generator], Case | None]] = {
    "layers.csv": _layer,
}  # fmt: skip
