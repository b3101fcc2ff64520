"""A Design as design.json and weights.npz: in a folder, or both in one zip. No pickle; everything read is checked."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from weft.boards.errors import ArtefactError, InputError
from weft.hls.consistency import check_design
from weft.hls.design import Design, Layer, Tensor, Value, Weight
from weft.hls.files import folder_aside
from weft.hls.precision import FixedType, Integers

SCHEMA = "weft-design/1"
_JSON, _WEIGHTS = "design.json", "weights.npz"
_LARGEST_JSON = 64 << 20
_LARGEST_WEIGHTS = 4 << 30
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_BUILT = ("layers", "tensors", "graph")  # fields that are not read as they stand
# Zip members carry a date; a fixed one keeps equal designs equal bytes (1980 is the format's first year).
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_design(design: Design, folder: Path) -> None:
    """Write the two files into `folder`, which is replaced as a whole; InputError if it holds anything else."""
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {_JSON, _WEIGHTS}):
        raise InputError(f"{str(folder)!r} holds something that is not a saved design: give another folder")
    with folder_aside(folder) as part:
        (part / _JSON).write_text(_to_json(design))
        (part / _WEIGHTS).write_bytes(_pack_weights(design))


def is_saved_design(folder: Path) -> bool:
    """Whether a folder looks like what `save_design` left."""
    return (folder / _JSON).is_file()


def load_design(folder: Path) -> Design:
    """Read the two files from `folder`."""
    try:
        text, weights = (folder / _JSON).read_bytes(), (folder / _WEIGHTS).read_bytes()
    except OSError as error:
        raise ArtefactError(f"{folder} holds no saved design ({_JSON} and {_WEIGHTS}): {error.strerror}") from None
    return _from_files(text, weights, str(folder))


def pack_design(design: Design) -> bytes:
    """The two files as one zip; equal designs give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_JSON, _EPOCH), _to_json(design))
        archive.writestr(zipfile.ZipInfo(_WEIGHTS, _EPOCH), _pack_weights(design))
    return buffer.getvalue()


def unpack_design(data: bytes) -> Design:
    """The design in `data`, which may come from anyone."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            text = _read_member(archive, _JSON, _LARGEST_JSON)
            weights = _read_member(archive, _WEIGHTS, _LARGEST_WEIGHTS)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise ArtefactError("these bytes are not a packed design: make them with Design.to_bytes") from None
    return _from_files(text, weights, "the packed design")


def _read_member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > largest or info.compress_type != zipfile.ZIP_STORED:  # stored: cannot grow when read
        raise ValueError(name)
    return archive.read(info)


def _pack_weights(design: Design) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for layer in design.layers:
            for name, weight in layer.weights.items():
                member = io.BytesIO()
                np.save(member, np.ascontiguousarray(weight.raw, "<i8"), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{layer.name}.{name}.npy", _EPOCH), member.getvalue())
    return buffer.getvalue()


def _to_json(design: Design) -> str:
    document = {
        "schema": SCHEMA,
        "name": design.name,
        "io": design.io,
        "clock_ns": design.clock_ns,
        "part": design.part,
        "pipeline_style": design.pipeline_style,
        "pipeline_interval": design.pipeline_interval,
        "inputs": design.inputs,
        "outputs": design.outputs,
        "tensors": [
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "type": str(tensor.type),
                "fifo_depth": tensor.fifo_depth,
                "onnx_name": tensor.onnx_name,
                "onnx_axes": tensor.onnx_axes,
            }
            for tensor in design.tensors.values()
        ],
        "layers": [
            {
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
            for layer in design.layers
        ],
    }
    return json.dumps(document, indent=1)


def _dump(value: Value) -> object:
    return {"type": str(value)} if isinstance(value, FixedType) else value


def _from_files(text: bytes, weights: bytes, where: str) -> Design:
    """Build the design and check that it hangs together: every name known, every array of its place's shape."""
    try:
        if len(text) > _LARGEST_JSON:
            raise ValueError("design.json is too large")
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}, and {SCHEMA!r} is wanted")
        design = _build(document, _unpack_weights(weights))
        _check(design)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"{where} is damaged: {_reason(error)}; make it anew") from None
    except (InputError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ArtefactError(f"{where} is damaged: {error}; make it anew") from None
    return design


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _unpack_weights(data: bytes) -> dict[str, Integers]:
    arrays: dict[str, Integers] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > _LARGEST_WEIGHTS:
                raise ValueError(f"{_WEIGHTS} holds a compressed or oversized member")
            array = np.load(io.BytesIO(archive.read(info)), allow_pickle=False)
            if array.dtype != np.int64:
                raise ValueError(f"array {info.filename} is {array.dtype}, and int64 is wanted")
            arrays[info.filename.removesuffix(".npy")] = array
    return arrays


def _build(document: Mapping[str, Any], arrays: Mapping[str, Integers]) -> Design:
    tensors = [
        Tensor(
            name=row["name"],
            shape=_positive(row["shape"]),
            type=FixedType.parse(row["type"]),
            fifo_depth=row["fifo_depth"],
            onnx_name=row["onnx_name"],
            onnx_axes=tuple(row["onnx_axes"]),
        )
        for row in document["tensors"]
    ]
    layers = [
        Layer(
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
        for row in document["layers"]
    ]
    # What a field has by default, designs that were saved before it was there do not say.
    rest = {
        field.name: document[field.name] if field.default is MISSING else document.get(field.name, field.default)
        for field in fields(Design)
        if field.name not in _BUILT
    }
    rest |= {"inputs": tuple(rest["inputs"]), "outputs": tuple(rest["outputs"])}
    return Design(layers=tuple(layers), tensors={tensor.name: tensor for tensor in tensors}, **rest)


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
