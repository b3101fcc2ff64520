"""layers.csv: every layer of a project on its own, and the project's layers in order as one design (its TOP row)."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from published import DATA, Case, Row, chain, figures_of, trained_weight
from published_dense import closest

from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType

_KINDS = {
    "dense": "Dense", "conv2d:conv_2d_cl": "Conv2D", "conv1d:conv_1d_cl": "Conv1D", "relu": "Activation",
    "tanh": "Activation", "sigmoid": "Activation", "softmax": "Softmax", "pooling2d:pooling2d_cl": "Pooling2D",
    "padding2d:zeropad2d_cl": "ZeroPadding2D", "padding1d:zeropad1d_cl": "ZeroPadding1D",
    "conv1d:pointwise_conv_1d_cl": "PointwiseConv1D", "pooling1d:global_pooling1d_cl": "GlobalPooling1D",
    "batchnorm:normalize": "BatchNormalization", "resize": "Resize", "gru:gru_stack": "GRU",
}  # fmt: skip

#: A board of the family that a part belongs to; only its delays and DSP widths matter here.
_BOARDS = {"xc7z": "pynq-z2", "xczu": "zcu104", "xcu50": "alveo-u50", "xcu280": "alveo-u280"}


@dataclass(frozen=True)
class Stage:
    """A row's layer with what it reads and makes."""

    layer: Layer
    source: Tensor
    result: Tensor


def layer_cases(path: Path) -> Iterator[Case]:
    """Layers, then whole designs. Random weights stand for the published ones, which are not given."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    projects = defaultdict(list)
    for number, row in enumerate(rows, 2):
        projects[row["design_id"]].append((row, stage(row, np.random.default_rng(number))))
    for project in projects.values():
        yield from _project(project)


def tool_of(text: str) -> str:
    """A report's tool as weft names it: Vivado HLS 2019.2.1 is vivado-2019.2."""
    return re.sub(r"(\w+) HLS (\d+\.\d).*", r"\1-\2", text).lower()


def board_of(part: str) -> str:
    """A board whose fabric stands for a part's."""
    return next((board for prefix, board in _BOARDS.items() if part.startswith(prefix)), "alveo-u250")


def _project(project: Sequence[tuple[Row, Stage | None]]) -> Iterator[Case]:
    """A project's layers, each in the whole design where all are known, otherwise alone; then the whole design."""
    clock = float(next((row["clk_target_ns"] for row, _ in project if row["clk_target_ns"]), 5))
    top = next((row for row, _ in project if row["level"] == "TOP"), None)
    stages = _in_order(project)
    layers = {id(one.layer): f"layer{position}" for position, one in enumerate(stages)}
    steps = [
        (replace(one.layer, name=f"layer{i}"), replace(_seen(one.result, stages[i + 1 :]), name=f"layer{i}_out"))
        for i, one in enumerate(stages)
    ]
    io = _io(project[0][0])
    inside = _behind_port(stages[0].source, steps, clock, io) if stages else None
    for row, found in project:
        if found and row["level"] == "LAYER":
            alone = _behind_port(found.source, [(found.layer, found.result)], clock, io)
            yield _layer(row, inside or alone, layers.get(id(found.layer), "one"))
    if top is not None and stages and top["lat_min"].isdigit():
        whole = chain(stages[0].source, steps, clock, io)
        figures = {**figures_of(top, "lat_min", "lat_max"), "interval best": float(top["ii_min"])}
        name = f"{top['design_id'].split('/')[-1][:40]} top"
        yield Case(name, f"top, {whole.io}", whole, board_of(top["part"]), tool_of(top["tool"]), figures, None,
                   top["repo"])  # fmt: skip


def _behind_port(source: Tensor, steps: list[tuple[Layer, Tensor]], clock: float, io: Io) -> Design:
    """A design whose layers' rows do not count the registers at its ports: in front stands what costs nothing."""
    inner = [(Layer("before", "Reshape", (), ()), source)] if io == "io_parallel" else []
    return chain(replace(source, name="port"), [*inner, *steps], clock, io)


def _layer(row: Row, design: Design, name: str) -> Case:
    family = "dense" if row["kind"] == "dense" else row["kind"].split(":")[0]
    figures = figures_of(row, "lat_min", "lat_max")
    if row["kind"] == "resize" and all(
        layer.kind in ("Resize", "Reshape") for layer in design.layers
    ):  # its row names no type
        figures = {figure: figures[figure] for figure in figures if "latency" in figure or figure == "interval"}
    title = f"{row['design_id'].split('/')[-1][:30]} {row['module'][:40]}"
    return Case(title, f"{family}, {design.io}", design, board_of(row["part"]), tool_of(row["tool"]), figures, name,
                row["repo"])  # fmt: skip


def _in_order(project: Sequence[tuple[Row, Stage | None]]) -> list[Stage]:
    """The project's layers from first to last, where all are known and each stands once; otherwise none."""
    parts = [(row, found) for row, found in project if found and row["level"] in ("LAYER", "CONFIG_ONLY")]
    numbered = sorted(((int(row["order"]), found) for row, found in parts if row["order"]), key=lambda part: part[0])
    loose = [found for row, found in parts if not row["order"]]
    orders = [order for order, _ in numbered]
    if not orders or orders != list(range(orders[0], orders[0] + len(orders))):
        return []
    stages: list[Stage] = []
    for _, found in numbered:
        _place(stages, found, loose)
        stages.append(found)
    _place(stages, None, loose)
    return [] if loose or len(stages) < 2 else stages


def _seen(result: Tensor, following: list[Stage]) -> Tensor:
    """A tensor in the shape in which the next layer reads it, where its own row tells its length only."""
    if following and len(result.shape) < len(following[0].source.shape):
        return replace(result, shape=following[0].source.shape)
    return result


def _place(stages: list[Stage], following: Stage | None, loose: list[Stage]) -> None:
    """Puts a row without a number (a resize) where the shapes on both sides ask for it."""
    while stages and loose and (following is None or stages[-1].result.size != following.source.size):
        fitting = next((one for one in loose if one.source.size == stages[-1].result.size), None)
        if fitting is None:
            return
        loose.remove(fitting)
        kind = stages[-1].result.type
        stages.append(
            replace(fitting, source=replace(fitting.source, type=kind), result=replace(fitting.result, type=kind))
        )


def stage(row: Row, random: np.random.Generator) -> Stage | None:
    """A row's layer, or None where weft has no such kind or the row does not tell its shapes."""
    kind = _KINDS.get(row["kind"])
    if kind is None or row["lat_min"] == "?":
        return None
    sizes = {
        key: int(value)
        for key, value in (part.split("=", 1) for part in row["config_all"].split(";"))
        if value.isdigit()
    }
    shapes = _shapes(row, kind, sizes)
    if shapes is None:
        return None
    source, result = fixed_type(row["in_t"]) or DATA, fixed_type(row["out_t"]) or DATA
    attributes: dict[str, Value] = {**sizes}
    if kind == "Activation":
        attributes["activation"] = row["kind"]
    for name in ("implementation", "activation", "recurrent_activation"):
        if found := re.search(rf"\b{name}=(?:\w+::)?(\w+)", row["config_all"]):
            attributes.setdefault(name, found[1])
    if kind == "GRU":
        attributes["recurrent_reuse_factor"] = closest(sizes["reuse_factor"], sizes["n_state"], 3 * sizes["n_state"])
    weights = _weights(row, kind, sizes, random)
    reuse = max(1, sizes.get("reuse_factor", int(row["reuse_factor"] or 1)))
    strategy = row["strategy"] or (row["strategy_model"].lower() if kind == "GRU" else "") or "latency"
    layer = Layer("one", kind, (), (), attributes, weights, strategy, reuse)
    return Stage(layer, Tensor("x", shapes[0], source), Tensor("y", shapes[1], result, int(np.prod(shapes[1][:-1]))))


def _weights(row: Row, kind: str, sizes: Mapping[str, int], random: np.random.Generator) -> dict[str, Weight]:
    kind_of = fixed_type(row["weight_t"]) or fixed_type(row["bias_t"]) or DATA
    if kind == "BatchNormalization":
        return {name: trained_weight(random, kind_of, (sizes["n_filt"],)) for name in ("scale", "bias")}
    if kind == "GRU":
        states = sizes["n_state"]
        return {
            "weight": trained_weight(random, kind_of, (sizes["n_in"], 3 * states)),
            "recurrent_weight": trained_weight(random, kind_of, (states, 3 * states)),
        }
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


def _shapes(row: Row, kind: str, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Shapes of input and output; a stream's last axis is its array's length, which the type tells."""
    if kind == "Resize":
        names = (("height", "width", "n_chan"), ("new_height", "new_width", "n_chan"))
        first, second = (tuple(sizes[name] for name in side) for side in names)
        return first, second
    lengths = [re.search(r", ?(\d+)\*1>", row[name]) for name in ("in_t", "out_t")]
    if not row["in_shape"]:
        return None
    first = tuple(int(size) for size in row["in_shape"].split("x"))
    second = tuple(int(size) for size in row["out_shape"].split("x")) if row["out_shape"] else first
    if kind == "GlobalPooling1D":
        second = (sizes["n_filt"],)
    shapes = []
    for shape, length in zip((first, second), lengths, strict=True):
        flat = len(shape) == 1 and length is not None
        shapes.append((shape[0] // int(length[1]), int(length[1])) if flat and length is not None else shape)
    return shapes[0], shapes[1]


def fixed_type(text: str) -> FixedType | None:
    """The first ap_fixed, ap_ufixed or ap_uint type in a text."""
    if found := re.search(r"ap_uint<(\d+)>", text):
        return FixedType(int(found[1]), int(found[1]), False)
    found = re.search(r"ap_u?fixed<[^<>]*>", text)
    return FixedType.parse(re.sub(r",\s*0>", ">", found[0])) if found else None


def _io(row: Row) -> Io:
    return "io_stream" if row["io_type"] == "io_stream" else "io_parallel"
