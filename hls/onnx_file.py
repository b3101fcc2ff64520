"""Reading an ONNX file that may be hostile: sizes are bounded and data outside the model's folder is refused."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import onnx
import onnx_ir as ir

from weft.boards.errors import ModelError
from weft.hls.validity import runtime_refusal, tolerated

# A protobuf message ends at 2 GiB (protobuf.dev, "Proto Limits"); larger networks keep their weights in external files.
LARGEST_FILE = 2**31 - 1
# External weights up to this many bytes are read into memory; above it they stay mapped from their file.
LARGEST_READ = 2**30

_Messages = onnx.ModelProto | onnx.GraphProto | onnx.FunctionProto


def read(source: str | Path | bytes | onnx.ModelProto | ir.Model) -> ir.Model:
    """Read a model as it stands, without changing what it is given.

    Raises:
        ModelError: `source` is not ONNX, is truncated or too large, or refers to data outside its folder.

    """
    if isinstance(source, ir.Model):
        return source.clone()
    if isinstance(source, onnx.ModelProto):
        return _deserialise(source, None, "the model")
    if isinstance(source, bytes):
        return _deserialise(_parse(source, "the model"), None, "the model")
    if not isinstance(source, str | Path):
        raise ModelError(
            f"cannot load a {type(source).__name__}: give a path, bytes, an onnx.ModelProto or an onnx_ir.Model"
        )
    path = Path(source)
    return _deserialise(_parse(_bytes(path), _quoted(path)), path.parent, _quoted(path))


def _quoted(name: object) -> str:
    text = str(name)
    return repr(text if len(text) <= 200 else text[:200] + "...")


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError(f"{_quoted(path)} is not a file: give the path of an .onnx file")
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(
                f"{_quoted(path)} is larger than 2 GiB, which no ONNX file can be: save its weights as external data"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"{_quoted(path)} cannot be read: {error}") from error


def _parse(data: bytes, where: str) -> onnx.ModelProto:
    if len(data) > LARGEST_FILE:
        raise ModelError(f"{where} is larger than 2 GiB, which no ONNX file can be")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # DecodeError of google.protobuf, which has no type hints
        raise ModelError(f"{where} is not an ONNX file or is truncated: export it again") from error
    return proto


def _deserialise(proto: onnx.ModelProto, folder: Path | None, where: str) -> ir.Model:
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelError(f"{where} is not an ONNX file or is truncated: it has no graph or no opset")
    for end in (*proto.graph.input, *proto.graph.output):
        if _holds_map(end.type):
            raise ModelError(f"{_quoted(end.name)} of {where} is a map: export without ZipMap (skl2onnx: zipmap=False)")
    external = [tensor for tensor in _tensors(proto) if _check(tensor, folder, where)]
    if not external:
        _check_protobuf(proto, where)
    try:
        model = ir.from_proto(proto)
        if external and folder is not None:
            _attach(model, folder)
    except Exception as error:  # onnx_ir raises many kinds on malformed input, and all of them mean the same
        raise ModelError(f"{where} is not a well-formed ONNX model: {first_line(error)}") from error
    return model


def _holds_map(kind: onnx.TypeProto) -> bool:
    """Whether a type is a map or a sequence of maps, which onnx_ir cannot hold."""
    return kind.HasField("map_type") or (kind.HasField("sequence_type") and _holds_map(kind.sequence_type.elem_type))


def _check_protobuf(proto: onnx.ModelProto, where: str) -> None:
    try:
        onnx.checker.check_model(proto)
    except Exception as error:  # ValidationError, and ValueError beyond 2 GiB
        if tolerated(error) and not runtime_refusal(proto):
            return
        raise ModelError(f"{where} is not a valid ONNX model: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of a message, for one-sentence errors."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _attach(model: ir.Model, folder: Path) -> None:
    """Point external tensors at their folder and read them, unless they are so large that they should stay mapped."""
    for graph in model.graphs():
        ir.external_data.set_base_dir(graph, folder.resolve())
    values = [v for graph in model.graphs() for v in graph.initializers.values()]
    large = sum(v.const_value.nbytes for v in values if v.const_value is not None) > LARGEST_READ
    if not large:
        ir.external_data.load_to_model(model)


def _tensors(message: _Messages) -> Iterator[onnx.TensorProto]:
    """Every tensor in a model, subgraphs and functions included (protobuf itself bounds the nesting at 100)."""
    if isinstance(message, onnx.ModelProto):
        yield from _tensors(message.graph)
        for function in message.functions:
            yield from _tensors(function)
        return
    if isinstance(message, onnx.GraphProto):
        yield from message.initializer
        for sparse in message.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in message.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _tensors(graph)


def _check(tensor: onnx.TensorProto, folder: Path | None, where: str) -> bool:
    """Hold a tensor's stated shape against the bytes it has; true when these are in another file."""
    name = f"tensor {_quoted(tensor.name)} of {where}"
    if any(size < 0 for size in tensor.dims):
        raise ModelError(f"{name} has a negative dimension")
    try:
        bits = ir.DataType(tensor.data_type).bitwidth
    except (TypeError, ValueError):
        bits = 0
    count = prod(tensor.dims)
    if tensor.data_type != onnx.TensorProto.STRING and not bits:
        raise ModelError(f"{name} has element type {tensor.data_type}, which ONNX does not define")
    size = (count * bits + 7) // 8
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _check_external(tensor, folder, name, size)
        return True
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != size:
            raise ModelError(f"{name} has {len(tensor.raw_data)} bytes where its shape and type need {size}")
    elif not _field_holds(tensor, count, bits):
        raise ModelError(f"{name} does not hold the {count} elements that its shape states")
    return False


def _field_holds(tensor: onnx.TensorProto, count: int, bits: int) -> bool:
    """Whether the typed field, such as float_data, has the number of entries that onnx.proto asks for."""
    per_entry = 8 // bits if 0 < bits < 8 else 1
    complex_types = (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128)
    expected = 2 * count if tensor.data_type in complex_types else -(-count // per_entry)
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
    return sum(len(getattr(tensor, field)) for field in fields) == expected


def _check_external(tensor: onnx.TensorProto, folder: Path | None, name: str, size: int) -> None:
    if folder is None:
        raise ModelError(f"{name} keeps its data in another file: load the model by its path")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
        inside = bool(location) and not Path(location).is_absolute() and ".." not in Path(location).parts
        path = (folder / location).resolve()
        inside = inside and path.is_relative_to(folder.resolve())
        if not inside:
            raise ModelError(f"{name} keeps its data in {_quoted(location)}, outside the model's folder: move it there")
        present = path.stat().st_size if path.is_file() else -1
    except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        raise ModelError(f"{name} has malformed external data: {first_line(error)}") from error
    if present < 0:
        raise ModelError(f"{name} keeps its data in {_quoted(location)}, which is not there: put it beside the model")
    if offset < 0 or length != size or offset + length > present:
        raise ModelError(
            f"{name} needs {size} bytes at offset {offset} of {_quoted(location)}, which has {present}: it is truncated"
        )
