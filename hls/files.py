"""Files and folders that are either whole or not there, and their hashes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from weft.boards.errors import InputError, ToolError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path to write to; what is there becomes `path` at the end of the block, and vanishes if the block fails."""
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder: give the name of a file")
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
    folder = folder.resolve() if folder.name in ("", "..") else folder  # "." and ".." have no name to rename
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


def private_folder(folder: Path, variable: str) -> None:
    """Make `folder`, open to its owner alone. Raises ToolError, which names the environment `variable` that gives
    another one, for a folder that cannot be made or is another user's."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise ToolError(f"folder {str(folder)!r} belongs to another user: set {variable} to your own")
        folder.chmod(0o700)
    except OSError as error:
        reason = error.strerror or error
        raise ToolError(f"folder {str(folder)!r} cannot be used ({reason}): set {variable}") from error


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
