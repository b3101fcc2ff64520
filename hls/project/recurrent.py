"""LSTM, GRU and Bidirectional: their config struct names others, which say how a step is multiplied and activated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.boards.errors import ArtefactError
from weft.hls.project.cpp import Number, Struct, named_struct

_GATES = {"LSTM": 4, "GRU": 3}
_CLASSES = {"lstm": "LSTM", "gru": "GRU"}  # as nnet_utils/nnet_recurrent.h begins the names of theirs


def with_steps(struct: Struct, kind: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    """The struct of an LSTM or GRU with what the structs it names say, by the names of the layer's attributes."""
    found = _step(struct, kind, structs, layer) | _whole(struct, "n_state", layer)
    table = named_struct(struct, "ACT_CONFIG_T", structs, layer)
    return _extended(struct, found, table, layer)


def with_halves(struct: Struct, kind: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    """The same of a Bidirectional, whose two halves' attributes begin with forward_ and backward_."""
    found: dict[str, Number | None] = {"merge_mode": "concat", **_whole(struct, "n_out", layer)}
    table = struct
    for way in ("forward", "backward"):
        half = named_struct(struct, f"{way.upper()}_CONFIG", structs, layer)
        function = struct.names.get(f"RNNfunc_{way}", "").partition("_")[0]
        if function not in _CLASSES:
            raise ArtefactError(f"layer {layer} ({kind}) runs {function or 'nothing'} {way}, which weft does not read")
        step = _step(half, _CLASSES[function], structs, layer)
        step["class_name"] = _CLASSES[function]
        struct = replace(struct, types=struct.types | {key: half.types[key] for key in half.types if key == "accum_t"})
        table = named_struct(half, "ACT_CONFIG_T", structs, layer)
        found["strategy"] = step.pop("strategy")
        found |= {f"{way}_{name}": value for name, value in step.items()}
    return _extended(struct, found, table, layer)


def _step(struct: Struct, kind: str, structs: Mapping[str, Struct], layer: str) -> dict[str, Number | None]:
    """One moment: two products, of the input and of the state, and two activations."""
    inward, back = (named_struct(struct, f"mult_config{number}", structs, layer) for number in (1, 2))
    size = struct.values.get("n_state")
    return {
        "gates": _GATES[kind] * size if isinstance(size, int) else None,
        "n_states": size,
        "activation": struct.names.get("activation"),
        "recurrent_activation": struct.names.get("activation_recr"),
        "strategy": inward.values.get("strategy"),
        "recurrent_reuse_factor": back.values.get("reuse_factor"),
    }


def _whole(struct: Struct, size: str, layer: str) -> dict[str, Number | None]:
    """The sequence: what is kept of it, and how it runs."""
    moments, width = struct.values.get("n_sequence_out"), struct.values.get(size)
    if not isinstance(moments, int) or not isinstance(width, int):
        raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h has no n_sequence_out and {size}")
    return {
        "result": (moments, width) if moments > 1 else (width,),
        "return_sequences": moments > 1,
        "static": struct.values.get("use_static"),
        "pytorch": struct.values.get("pytorch_order"),
    }


def _extended(struct: Struct, found: Mapping[str, Number | None], table: Struct, layer: str) -> Struct:
    """The struct with what was found, and the table of its activations."""
    everything = {**found, "table_size": table.values.get("table_size")}
    values = {name: value for name, value in everything.items() if value is not None}
    if missing := everything.keys() - values.keys():
        raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h says nothing of {min(missing)}")
    return replace(struct, values=struct.values | values, types=struct.types | table.types)
