"""The virtual board's files: in memory only, bounded in count and size.

The system's own files are there to be read; a program may write below /lib/firmware and /tmp.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from weft.boards import Board
from weft.boards.errors import DeviceError, InputError

FIRMWARE = "/lib/firmware/"
MANAGER = "/sys/class/fpga_manager/fpga0/"
UPTIME = "/proc/uptime"
VIRTUAL_MARK = "/proc/device-tree/chosen/weft_virtual_board"  # no real board has it
_WRITABLE = (FIRMWARE, "/tmp/")
_PATH = re.compile(r"(/[^/\x00]+)+")
_LONGEST_PATH = 1024
_LARGEST_COUNT = 1024
_LARGEST_TOTAL = 1 << 30


class Files:
    """Paths and their bytes. `bitstreams`: a folder whose .bin files, and those one folder below, are on the board."""

    def __init__(self, board: Board, bitstreams: str | Path | None = None) -> None:
        self._files: dict[str, bytes] = _system_files(board)
        self._total = 0
        self._started = time.monotonic()
        if bitstreams is not None:
            self._load_folder(Path(bitstreams))

    def _load_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{str(folder)!r} is not a folder of bitstreams")
        for path in sorted([*folder.glob("*.bin"), *folder.glob("*/*.bin")]):
            try:
                self._reserve(FIRMWARE + path.name, path.stat().st_size)
                self.write(FIRMWARE + path.name, path.read_bytes())
            except OSError as error:
                raise InputError(f"bitstream {str(path)!r} cannot be read: {error.strerror}") from error

    def exists(self, path: str) -> bool:
        """Whether there is a file, or a folder with files in it."""
        folder = path.rstrip("/") + "/"
        return path in self._files or (bool(path) and any(known.startswith(folder) for known in self._files))

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises DeviceError for a file that is not there."""
        if path not in self._files:
            raise DeviceError(f"there is no file {path[:80]!r} on the virtual board")
        if path == UPTIME:
            return f"{time.monotonic() - self._started:.2f} 0.00\n".encode()  # seconds on, and of them idle
        return self._files[path]

    def check_writable(self, path: str, size: int) -> None:
        """Raise DeviceError if a program may not write `size` bytes to `path`."""
        if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path) or ".." in path.split("/"):
            raise DeviceError(f"{path[:80]!r} is not an absolute path of a file")
        if not path.startswith(_WRITABLE):
            raise DeviceError(f"{path[:80]!r} cannot be written: put files below {' or '.join(_WRITABLE)}")
        self._reserve(path, size)

    def _reserve(self, path: str, size: int) -> None:
        if path not in self._files and len(self._files) >= _LARGEST_COUNT:
            raise DeviceError(f"the virtual board holds {_LARGEST_COUNT:,} files already: start a new one")
        if self._total - self._size(path) + size > _LARGEST_TOTAL:
            raise DeviceError(f"the virtual board's files would exceed {_LARGEST_TOTAL:,} bytes: start a new one")

    def _size(self, path: str) -> int:
        return len(self._files.get(path, b"")) if path.startswith(_WRITABLE) else 0

    def write(self, path: str, data: bytes) -> None:
        """Put a file in its place, after `check_writable`."""
        self.check_writable(path, len(data))
        self._total += len(data) - self._size(path)
        self._files[path] = data

    def remove(self, path: str) -> None:
        """Take a file away, if it is there."""
        self._total -= self._size(path)
        self._files.pop(path, None)

    def set_system(self, path: str, text: str) -> None:
        """Change one of the system's own files."""
        self._files[path] = text.encode()


def _system_files(board: Board) -> dict[str, bytes]:
    files = {
        # pynq looks for "aarch64" in it and takes anything else for a Zynq-7000
        "/proc/version": f"Linux version 6.6 (weft virtual board {board.name}) {board.host.architecture}\n".encode(),
        UPTIME: b"",  # made when it is read
        VIRTUAL_MARK: board.name.encode() + b"\0",
        MANAGER + "name": b"weft virtual FPGA manager\n",
        MANAGER + "state": b"unknown\n",
        MANAGER + "flags": b"0\n",
        MANAGER + "firmware": b"",
    }
    if board.pynq_name:
        files["/proc/device-tree/chosen/pynq_board"] = board.pynq_name.encode() + b"\0"
    return files
