"""Programs that were built before, kept in the user's cache folder: compiling takes a hundred times as long as reading.

A file is the SHA-256 of a binary and the binary itself. The name comes from everything the binary depends on; a file
whose hash does not agree is built again.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from weft.hls.compiler import cache_folder
from weft.hls.files import private_folder, written_aside

_DIGEST = 32  # bytes of a SHA-256


def kept_binary(identity: str) -> bytes | None:
    """The binary that was kept under `identity`, or None where there is none, or a damaged one."""
    try:
        content = _path(identity).read_bytes()
    except OSError:
        return None
    digest, binary = content[:_DIGEST], content[_DIGEST:]
    return binary if binary and sha256(binary).digest() == digest else None


def keep_binary(identity: str, binary: bytes) -> None:
    """Keep a binary under `identity`. Raises ToolError where the cache folder cannot be used."""
    path = _path(identity)
    private_folder(path.parent, "WEFT_CACHE_DIR")
    with written_aside(path) as part:
        part.write_bytes(sha256(binary).digest() + binary)


def _path(identity: str) -> Path:
    return cache_folder() / "opencl" / f"{sha256(identity.encode()).hexdigest()}.bin"
