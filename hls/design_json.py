"""A Design as a JSON document and back. Whatever is read is checked: it may come from anyone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, cast

from weft.hls.consistency import check_design
from weft.hls.design import Design, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType, Integers

SCHEMA = "weft-design/1"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_BUILT = ("layers", "tensors", "graph")  # fields that are not written and read as they stand


def design_json(design: Design) -> str:
    """design.json: everything but the weights' integers."""
    plain = {field.name: getattr(design, field.name) for field in fields(Design) if field.name not in _BUILT}
    document = {
        "schema": SCHEMA,
        **plain,
        "tensors": [_tensor_row(tensor) for tensor in design.tensors.values()],
        "layers": [_layer_row(layer) for layer in design.layers],
    }
    return json.dumps(document, indent=1)


def read_design_json(text: bytes, arrays: Mapping[str, Integers]) -> Design:
    """The design of a design.json, whose weights are `arrays` by "layer.weight"; every name known, counts counts.

    What is none raises one of Python's own errors, or InputError, which names what is wrong.
    """
    document = json.loads(text)
    if document["schema"] != SCHEMA:
        raise ValueError(f"schema {document['schema']!r}, and {SCHEMA!r} is wanted")
    design = _build(document, arrays)
    _check(design)
    return design


def _tensor_row(tensor: Tensor) -> dict[str, object]:
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "type": str(tensor.type),
        "fifo_depth": tensor.fifo_depth,
        "onnx_name": tensor.onnx_name,
        "onnx_axes": tensor.onnx_axes,
    }


def _read_tensor(row: Mapping[str, Any]) -> Tensor:
    return Tensor(
        name=row["name"],
        shape=_positive(row["shape"]),
        type=FixedType.parse(row["type"]),
        fifo_depth=row["fifo_depth"],
        onnx_name=row["onnx_name"],
        onnx_axes=tuple(row["onnx_axes"]),
    )


def _layer_row(layer: Layer) -> dict[str, object]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "attributes": {key: _dump(value) for key, value in layer.attributes.items()},
        "weights": {name: str(weight.type) for name, weight in layer.weights.items()},
        "strategy": layer.strategy,
        "reuse_factor": layer.reuse_factor,
        "onnx_nodes": layer.onnx_nodes,
    }


def _read_layer(row: Mapping[str, Any], arrays: Mapping[str, Integers]) -> Layer:
    return Layer(
        name=row["name"],
        kind=row["kind"],
        inputs=tuple(row["inputs"]),
        outputs=tuple(row["outputs"]),
        attributes={key: _undump(value) for key, value in row["attributes"].items()},
        weights={
            name: Weight(arrays[f"{row['name']}.{name}"], FixedType.parse(kind))
            for name, kind in row["weights"].items()
        },
        strategy=row["strategy"],
        reuse_factor=row["reuse_factor"],
        onnx_nodes=tuple(row["onnx_nodes"]),
    )


def _build(document: Mapping[str, Any], arrays: Mapping[str, Integers]) -> Design:
    # What a field has by default, designs that were saved before it was there do not say.
    rest = {
        field.name: document[field.name] if field.default is MISSING else document.get(field.name, field.default)
        for field in fields(Design)
        if field.name not in _BUILT
    }
    rest |= {"inputs": tuple(rest["inputs"]), "outputs": tuple(rest["outputs"])}
    tensors = {row["name"]: _read_tensor(row) for row in document["tensors"]}
    return Design(layers=tuple(_read_layer(row, arrays) for row in document["layers"]), tensors=tensors, **rest)


def _dump(value: Value) -> object:
    return {"type": str(value)} if isinstance(value, FixedType) else value


def _positive(shape: Any) -> tuple[int, ...]:
    extents = tuple(shape)
    if not all(isinstance(extent, int) and 0 < extent < 2**31 for extent in extents) or not 0 < len(extents) < 8:
        raise ValueError(f"shape {shape} is not a list of positive extents")
    return extents


def _undump(value: Any) -> Value:
    if isinstance(value, dict):
        return FixedType.parse(value["type"])
    if isinstance(value, list):
        if not all(isinstance(item, int) for item in value):
            raise ValueError("an attribute holds a list of other things than integers")
        return tuple(cast("list[int]", value))
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"an attribute holds {type(value).__name__}")
    return value


def _check(design: Design) -> None:
    """Names are C identifiers, counts are counts, and the design hangs together."""
    if design.io not in ("io_parallel", "io_stream") or not isinstance(design.name, str):
        raise ValueError(f"io {design.io!r} is neither io_parallel nor io_stream")
    if isinstance(design.clock_ns, bool) or not 0 < float(design.clock_ns) < 1e6:
        raise ValueError(f"clock_ns is {design.clock_ns}")
    if design.pipeline_style not in ("auto", "pipeline", "dataflow"):
        raise ValueError(f"pipeline_style {design.pipeline_style!r} is none of hls4ml's")
    interval = design.pipeline_interval
    if interval is not None and (type(interval) is not int or interval < 1):
        raise ValueError(f"pipeline_interval is {interval!r}")
    for name in [*design.tensors, *(layer.name for layer in design.layers), design.name]:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that weft writes")
    for layer in design.layers:
        if not isinstance(layer.reuse_factor, int):
            raise ValueError(f"layer {layer.name} has reuse factor {layer.reuse_factor}")
    for tensor in design.tensors.values():
        if not isinstance(tensor.fifo_depth, int) or not isinstance(tensor.onnx_name, str):
            raise ValueError(f"tensor {tensor.name} is malformed")
        if tensor.onnx_axes and sorted(tensor.onnx_axes) != list(range(len(tensor.shape))):
            raise ValueError(f"tensor {tensor.name} has axes {tensor.onnx_axes}")
    check_design(design)
