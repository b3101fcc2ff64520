"""Weights of an hls4ml project: firmware/weights/<name>.h, the values as decimal text that the compiler reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from weft.boards.errors import ArtefactError
from weft.hls.design import Weight
from weft.hls.precision import Integers
from weft.hls.project.cpp import Carried
from weft.hls.project.files import read_text
from weft.hls.project.kernels import Extents, extents
from weft.hls.project.step import Step


def read_weights(folder: Path, step: Step, types: Mapping[str, Carried]) -> dict[str, Weight]:
    """A layer's weights by name, shaped as `Design` has them. Raises ArtefactError as `read_weight` does."""
    found = {}
    for (name, names), array in zip(step.kernel.weights.items(), step.weights, strict=True):
        weight = read_weight(folder, array, types)
        # hls4ml's apply_resource_strategy puts the outputs first.
        outputs_first = name.endswith("weight") and step.strategy in ("resource", "resource_unrolled")
        found[name] = Weight(_shaped(weight.raw, step, names, outputs_first), weight.type)
    return found


def _shaped(raw: Integers, step: Step, names: Extents, outputs_first: bool) -> Integers:
    shape = extents(step.struct, names, step.layer)
    known = prod(extent for extent in shape if extent != -1)
    if raw.size % known or (-1 not in shape and raw.size != known):
        raise ArtefactError(f"layer {step.layer} has {raw.size} weights where config {step.struct.name} says {shape}")
    if outputs_first:
        return np.moveaxis(raw.reshape((shape[-1], *shape[:-1])), 0, -1)
    return raw.reshape(shape)


def read_weight(folder: Path, name: str, types: Mapping[str, Carried]) -> Weight:
    """Raw integers in a flat array, as the firmware holds them, in their type.

    Raises ArtefactError for a file that is missing, of another form, or of a type that is no fixed-point type.
    """
    file = f"firmware/weights/{name}.h"
    if not re.fullmatch(r"\w{1,128}", name, re.ASCII):
        raise ArtefactError(f"{str(folder)!r} names weights {name[:100]!r}, which no file can be: write it again")
    found = re.search(rf"(?m)^(\w+) {name}\[(\d+)\] = \{{([^{{}}\n]*)\}};$", read_text(folder, file))
    if found is None:
        raise ArtefactError(
            f"{file} of {str(folder)!r} holds no plain array {name}: only uncompressed weights are read"
        )
    if found[1] not in types:
        raise ArtefactError(f"{file} of {str(folder)!r} has type {found[1]}: weft reads weights of ap_fixed and ap_int")
    kind = types[found[1]].type
    try:
        values = np.array(found[3].split(","), np.float64)
    except ValueError as error:
        raise ArtefactError(f"{file} of {str(folder)!r} is damaged: {error}") from None
    if len(values) != int(found[2]) or not np.isfinite(values).all():
        raise ArtefactError(f"{file} of {str(folder)!r} holds {len(values)} numbers, and {found[2]} are declared")
    return Weight(kind.quantise(values), kind)
