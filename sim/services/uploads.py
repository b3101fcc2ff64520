"""Files and images on their way to the board: what all programs together may send before any of it is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from weft.boards.errors import DeviceError
from weft.sim.image import LARGEST_IMAGE


class Uploads:
    """Bytes that have arrived and are neither kept nor dropped yet, at most as many as the largest image has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0

    @contextmanager
    def collecting(self) -> Iterator[Upload]:
        """One upload; its bytes count until the block ends."""
        upload = Upload(self)
        try:
            yield upload
        finally:
            self.reserve(-len(upload.content))

    def reserve(self, size: int) -> None:
        """Count `size` more bytes. Raises DeviceError where that is too many."""
        with self._lock:
            if self._bytes + size > LARGEST_IMAGE:
                raise DeviceError(
                    f"more than {LARGEST_IMAGE:,} bytes would be on their way to the virtual board: send less at once"
                )
            self._bytes += size


class Upload:
    """The pieces of one file or image that have arrived."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self.content = bytearray()

    def add(self, piece: bytes) -> None:
        """Keep the next piece. Raises DeviceError where all uploads together are too large."""
        self._uploads.reserve(len(piece))
        self.content += piece
