"""A Design as design.json and weights.npz: in a folder, or both in one zip. No pickle; everything read is checked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import Design
from weft.hls.design_json import design_json, read_design_json
from weft.hls.files import folder_aside
from weft.hls.precision import Integers

_JSON, _WEIGHTS = "design.json", "weights.npz"
_LARGEST_JSON = 64 << 20
_LARGEST_WEIGHTS = 4 << 30
# Zip members carry a date; a fixed one keeps equal designs equal bytes (1980 is the format's first year).
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_design(design: Design, folder: Path) -> None:
    """Write the two files into `folder`, which is replaced as a whole; InputError if it holds anything else."""
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {_JSON, _WEIGHTS}):
        raise InputError(f"{str(folder)!r} holds something that is not a saved design: give another folder")
    with folder_aside(folder) as part:
        (part / _JSON).write_text(design_json(design))
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
        archive.writestr(zipfile.ZipInfo(_JSON, _EPOCH), design_json(design))
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


def _from_files(text: bytes, weights: bytes, where: str) -> Design:
    try:
        if len(text) > _LARGEST_JSON:
            raise ValueError("design.json is too large")
        return read_design_json(text, _unpack_weights(weights))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"{where} is damaged: {_reason(error)}; make it anew") from None
    except (InputError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ArtefactError(f"{where} is damaged: {error}; make it anew") from None


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
