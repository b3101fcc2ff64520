"""weft's cache: what it can make again, in folders that are open to their owner alone, and bounded in size.

An entry is a folder with a lock file `<entry>.lock` beside it. Whoever makes or takes one holds the lock and then
calls `used`; `evict` removes the least recently used entries that nobody holds.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from weft.hls.files import private_folder

LARGEST_STORE = 4 << 30  # bytes; a compiled design takes 1 to 50 MB
# An entry is loaded just after its lock was let go, and once it is loaded Linux keeps its pages: an hour is plenty.
_SAFE_S = 3600.0


def cache_folder() -> Path:
    """Where weft keeps what it can make again: $WEFT_CACHE_DIR, or the user's cache folder."""
    given = os.environ.get("WEFT_CACHE_DIR")
    return Path(given) if given else user_cache_path("weft")


def private_cache(name: str) -> Path:
    """The cache's folder `name`, made with mode 0700 as is the cache itself.

    Raises ToolError where that cannot be, or the folder is another user's.
    """
    folder = cache_folder() / name
    if not folder.parent.exists():
        private_folder(folder.parent, "WEFT_CACHE_DIR")
    private_folder(folder, "WEFT_CACHE_DIR")
    return folder


def used(entry: Path) -> None:
    """Note that `entry` was used now."""
    os.utime(entry)


def evict(store: Path, largest: int = LARGEST_STORE) -> None:
    """Remove the least recently used entries of `store` until the rest takes at most `largest` bytes.

    Entries that were used within the last hour, or whose lock another process holds, stay. What a process that was
    killed left half-made goes in the same way.
    """
    entries = sorted((path for path in store.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    sizes = {entry: _size(entry) for entry in entries}
    total, oldest_safe = sum(sizes.values()), time.time() - _SAFE_S
    for entry in entries:
        if entry.stat().st_mtime > oldest_safe:
            return
        if total > largest or entry.name.startswith("."):
            total -= sizes[entry] if _removed(entry) else 0


def _removed(entry: Path) -> bool:
    """Remove an entry unless somebody holds it; its lock file stays, as another process may be waiting on it."""
    if entry.name.startswith("."):
        shutil.rmtree(entry, ignore_errors=True)
        return True
    try:
        with FileLock(entry.with_name(f"{entry.name}.lock"), timeout=0):
            shutil.rmtree(entry, ignore_errors=True)
    except Timeout:
        return False
    return True


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # removed meanwhile by another process
            total += path.stat().st_size if path.is_file() else 0
    return total
