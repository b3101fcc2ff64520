"""Files that are either whole or not there, and their hashes."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError

LARGEST_NPZ = 4 << 30  # bytes of arrays read from one .npz; more is no set of samples


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path to write to; what is there becomes `path` at the end of the block, and vanishes if the block fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def folder_aside(folder: Path) -> Iterator[Path]:
    """A folder to fill; at the end of the block it takes the place of `folder`, and vanishes if the block fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(f"{str(folder)!r} cannot be written: {error.strerror or error}") from error
    try:
        yield part
        part.chmod(0o755)
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
        try:
            if folder.exists():
                folder.rename(old / folder.name)
            part.rename(folder)
        finally:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file; objects (pickles) are refused. Raises InputError for anything that is not one."""
    if not path.is_file():
        raise InputError(f"{str(path)!r} is not a file: give an .npz file with one array for each input")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_NPZ:
            raise InputError(f"{str(path)!r} unpacks to {size:,} bytes, more than {LARGEST_NPZ:,}: give fewer samples")
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{str(path)!r} cannot be read as .npz: {str(error).splitlines()[0]}") from error


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as .npz, aside and then renamed. (`numpy.savez` cannot hold an array that is called `file`.)"""
    with written_aside(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(values), allow_pickle=False)  # type: ignore[no-untyped-call]
