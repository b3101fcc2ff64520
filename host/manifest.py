"""Reading the manifest of a build folder: everything in it is checked before it is believed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from weft.boards.errors import ArtefactError
from weft.hls.files import hash_file

FORMAT = "weft-build/2"
_LARGEST_MANIFEST = 16 << 20  # bytes
_HASH = re.compile(r"[0-9a-f]{64}")
_NEEDED = {
    "name": str,
    "board": str,
    "bitstreams": dict,
    "virtual": bool,
    "key": str,
    "hashes": dict,
    "configuration": dict,
    "designs": dict,
    "files": dict,
}


def is_build(folder: Path) -> bool:
    """Whether a folder looks like what `build` left."""
    return (folder / "manifest.toml").is_file()


def open_manifest(folder: Path) -> tuple[dict[str, Any], dict[str, ArtefactError]]:
    """The manifest of `folder`, after comparing the hash of every file that it lists; and by overlay what is wrong
    with the files of its bitstream, if anything is.

    Raises ArtefactError where the manifest is missing or malformed, or another file is missing or not what it was.
    """
    manifest, wrong = read_manifest(folder), {}
    bitstreams = manifest["bitstreams"].items()
    overlays = {part: overlay for overlay, name in bitstreams for part in (name, name.rpartition(".")[0] + ".hwh")}
    for name, expected in manifest["files"].items():
        path = folder / _safe(name, folder)
        try:
            _check_file(path, expected)
        except ArtefactError as error:
            if name not in overlays:
                raise
            wrong[overlays[name]] = error
    return manifest, wrong


def _check_file(path: Path, expected: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise ArtefactError(f"{str(path)!r} is missing from the build: build it again")
    if hash_file(path) != expected:
        raise ArtefactError(f"{str(path)!r} is damaged (its hash is not the manifest's): build it again")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone, checked for its form."""
    path = folder / "manifest.toml"
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise ArtefactError(f"{str(path)!r} is too large to be a manifest")
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(f"{str(folder)!r} is not a weft build: it has no manifest.toml") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArtefactError(f"{str(path)!r} cannot be read: {str(error).splitlines()[0]}") from error
    if manifest.get("schema") != FORMAT:
        raise ArtefactError(
            f"{str(path)!r} has schema {manifest.get('schema')!r}, and {FORMAT!r} is needed: build it again"
        )
    for key, kind in _NEEDED.items():
        if not isinstance(manifest.get(key), kind):
            raise ArtefactError(f"{str(path)!r} has no proper {key!r}: build it again")
    for name in ("plan.json", "model.onnx", "board.toml", *manifest["bitstreams"].values()):
        if not isinstance(name, str) or name not in manifest["files"]:
            raise ArtefactError(f"{str(path)!r} lists no file {name!r}: build it again")
    for name, expected in manifest["files"].items():
        if not isinstance(expected, str) or not _HASH.fullmatch(expected):
            raise ArtefactError(f"{str(path)!r} has no proper hash for {name!r}: build it again")
    return manifest


def _safe(name: str, folder: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts or "\0" in name:
        raise ArtefactError(f"{str(folder / 'manifest.toml')!r} names the file {name!r}, which is outside the build")
    return path
