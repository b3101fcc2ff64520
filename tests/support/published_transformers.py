"""transformers.csv: LayerNormalization in io_parallel. Most rows are of hls4ml's branch before the merge, whose tables
and types were others; those named "tuning" have the kernel that hls4ml 1.3 has."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from published import DATA, Case, chain, figures_of
from published_layers import board_of, fixed_type, tool_of

from weft.hls.design import Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType

_WORD = FixedType(16, 6)


def transformer_cases(path: Path) -> Iterator[Case]:
    """The normalising layer of each project, in its pipeline."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = set()
    for number, row in enumerate(rows):
        once = row["design"], row["module"]
        if row["level"] != "LAYER" or not row["kind"].startswith("layernorm") or once in seen or row["lat_min"] == "?":
            continue
        seen.add(once)
        alike = sum((other["design"], other["module"]) == once for other in rows)
        length, values = (int(size) for size in row["in_shape"].split("x"))
        # A project whose rows of values are functions of their own lists one of them each.
        shape = (1, values) if alike > 1 else (length, values)
        sizes = dict(part.split("=", 1) for part in row["config"].split(";"))
        attributes: dict[str, Value] = {"table_size": int(sizes["table_size"]), "accum_t": _WORD, "table_t": _WORD}
        # Keras begins with a scale of 1, which takes no product; PyTorch's projects trained theirs.
        raw = (
            np.full(values, 1 << _WORD.fraction) if "keras" in row["design"] and "tuning" not in row["design"] else None
        )
        scale = np.random.default_rng(number).integers(300, 900, values) if raw is None else raw
        weights = {"scale": Weight(np.asarray(scale, np.int64), _WORD)}
        layer = Layer("one", "LayerNormalization", (), (), attributes, weights)
        result = Tensor("y", shape, fixed_type(row["out_t"]) or DATA)
        design = chain(Tensor("x", shape, fixed_type(row["in_t"]) or DATA), [(layer, result)])
        group = "layernorm, hls4ml 1.3" if "tuning" in row["design"] else "layernorm, before"
        yield Case(row["design"].removeprefix("hls4ml_projects/"), group, design, board_of(row["part"]),
                   tool_of(row["tool"]), figures_of(row, "lat_min", "lat_max"), "one", row["source_id"])  # fmt: skip
