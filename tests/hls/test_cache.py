"""The cache is its owner's alone and does not grow without bound."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from weft.boards.errors import ToolError
from weft.hls.cache import cache_folder, evict, private_cache, used

HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    return private_cache("firmware")


def entry(store: Path, name: str, size: int, hours_ago: float) -> Path:
    folder = store / name
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "w.txt").write_bytes(bytes(size))
    (store / f"{name}.lock").touch()
    at = time.time() - hours_ago * HOUR
    os.utime(folder, (at, at))
    return folder


def test_every_folder_is_private(store: Path) -> None:
    for folder in (store, cache_folder()):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_somebody_opened_is_closed_again(store: Path) -> None:
    store.chmod(0o777)
    private_cache("firmware")
    assert store.stat().st_mode & 0o777 == 0o700


def test_another_users_folder_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: store.stat().st_uid + 1)
    with pytest.raises(ToolError, match="belongs to another user: set WEFT_CACHE_DIR"):
        private_cache("firmware")


def test_the_least_recently_used_go_first(store: Path) -> None:
    entries = {name: entry(store, name, 10_000, hours) for name, hours in (("a", 4), ("b", 5), ("c", 3), ("d", 2))}
    used(entries["b"])
    evict(store, 25_000)
    assert {name for name, path in entries.items() if path.exists()} == {"b", "d"}


def test_within_its_bound_everything_stays(store: Path) -> None:
    folder = entry(store, "a", 10_000, 1000)
    evict(store)
    assert folder.exists()


def test_what_was_just_used_stays_over_the_bound(store: Path) -> None:
    old, new = entry(store, "old", 10, 2), entry(store, "new", 10, 0.1)
    evict(store, 0)
    assert (old.exists(), new.exists()) == (False, True)


def test_what_another_process_holds_stays(store: Path) -> None:
    held, free = entry(store, "held", 10, 3), entry(store, "free", 10, 2)
    with FileLock(store / "held.lock"):
        evict(store, 0)
    assert (held.exists(), free.exists()) == (True, False)
    evict(store, 0)
    assert not held.exists()
    assert (store / "held.lock").exists()  # another process may be waiting on it


def test_what_a_killed_process_left_goes(store: Path) -> None:
    half, fresh = entry(store, ".abc.new", 10, 2), entry(store, ".abc.now", 10, 0)
    evict(store)
    assert (half.exists(), fresh.exists()) == (False, True)
