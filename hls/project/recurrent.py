"""LSTM and GRU: their config struct names others, which say how a step is multiplied and activated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.boards.errors import ArtefactError
from weft.hls.project.cpp import Number, Struct

_GATES = {"LSTM": 4, "GRU": 3}


def with_steps(struct: Struct, kind: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    """The struct of a layer with what the structs it names say, by the names of the layer's attributes."""
    inward, back = (_named(struct, f"mult_config{number}", structs, layer) for number in (1, 2))
    table = _named(struct, "ACT_CONFIG_T", structs, layer)
    size, moments = struct.values.get("n_state"), struct.values.get("n_sequence_out")
    if not isinstance(size, int) or not isinstance(moments, int):
        raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h has no n_state and n_sequence_out")
    found: dict[str, Number | None] = {
        "gates": _GATES[kind] * size,
        "result": (moments, size) if moments > 1 else (size,),
        "return_sequences": moments > 1,
        "activation": struct.names.get("activation"),
        "recurrent_activation": struct.names.get("activation_recr"),
        "strategy": inward.values.get("strategy"),
        "recurrent_reuse_factor": back.values.get("reuse_factor"),
        "table_size": table.values.get("table_size"),
        "static": struct.values.get("use_static"),
        "pytorch": struct.values.get("pytorch_order"),
    }
    for name, value in found.items():
        if value is None:
            raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h says nothing of its {name}")
    values = {name: value for name, value in found.items() if value is not None}
    return replace(struct, values=struct.values | values, types=struct.types | table.types)


def _named(struct: Struct, name: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    found = structs.get(struct.names.get(name, ""))
    if found is None:
        raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h has no {name}")
    return found
