"""Arrays in .npz files, which may come from anyone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError
from weft.hls.files import written_aside

LARGEST_NPZ = 4 << 30  # bytes of arrays read from one .npz; more is no set of samples


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
