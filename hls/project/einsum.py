"""Einsum and EinsumDense: a product between transpositions, each of which has a struct of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.hls.project.cpp import Number, Struct, named_struct

# A transposition's struct -> the layer's attributes for its shape and its order.
_MOVES = {
    "Einsum": {
        "tpose_inp0_config": ("inp0_shape", "inp0_tpose_idxs"),
        "tpose_inp1_config": ("inp1_shape", "inp1_tpose_idxs"),
        "tpose_out_conf": ("out_interpert_shape", "out_tpose_idxs"),
    },
    "EinsumDense": {
        "tpose_inp_conf": ("inp_shape", "inp_tpose_idxs"),
        "tpose_out_conf": ("out_interpert_shape", "out_tpose_idxs"),
    },
}


def with_moves(struct: Struct, kind: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    """The struct with its transpositions, by the names of the layer's attributes; `result` is the output's shape."""
    values: dict[str, Number] = dict(struct.values)
    for name, (shape, order) in _MOVES[kind].items():
        move = named_struct(struct, name, structs, layer)
        found = {
            shape: move.values.get("from_shape"),
            order: move.values.get("perm"),
            "result": move.values.get("to_shape"),
        }
        values |= {key: value for key, value in found.items() if value is not None}  # a missing one is missed by name
    return replace(struct, values=values)
