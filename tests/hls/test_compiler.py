"""The cache of compiled firmware: private, used, made anew where damaged; and what g++ says when it fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hls4ml")

from firmware_graphs import assert_same, broken, values

from weft.boards.errors import ToolError
from weft.hls import compiler
from weft.hls.firmware import Firmware, compile_firmware

if shutil.which("g++") is None:
    pytest.skip("g++ is not on PATH", allow_module_level=True)


def entry_of(cache: Path, folder: Path) -> Path:
    project = ["firmware/net.cpp", "net_bridge.cpp"]
    return cache / "firmware" / compiler._key(folder, [*project, "weft_top.cpp", "weft_csim/weft_bridge.cpp"])


@pytest.fixture
def own_cache(
    cache_folder: Path, stream: Firmware, stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A cache of the test's own that holds `stream`: what it damages is nobody else's."""
    own = tmp_path / "cache"
    shutil.copytree(entry_of(cache_folder, stream_folder), entry_of(own, stream_folder))
    monkeypatch.setenv("WEFT_CACHE_DIR", str(own))
    return own


def test_the_cache_is_private_and_used(
    own_cache: Path, stream: Firmware, stream_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("compiled again"))
    assert_same(compile_firmware(stream_folder), values(stream, 5))
    assert (own_cache / "firmware").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["library.so", "weights/b*.txt", "hashes.json"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_damaged_entry_is_made_anew(
    own_cache: Path, stream: Firmware, stream_folder: Path, damage: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(own_cache, stream_folder)
    sound = (entry / "library.so").read_bytes()
    calls: list[Path] = []

    def compile_again(_folder: Path, _units: Any, _work: Path, library: Path, _log: Path) -> None:
        library.write_bytes(sound)  # what g++ gave: that it is asked again is what matters here
        calls.append(library)

    monkeypatch.setattr(compiler, "_compile", compile_again)
    target = sorted(entry.glob(damage))[0]
    if how == "changed":
        target.write_bytes(target.read_bytes()[:-8] + b"damaged!")
    else:
        target.unlink()
    assert_same(compile_firmware(stream_folder), values(stream, 5))
    assert len(calls) == 1
    assert compiler._is_whole(entry)
    assert [path.name for path in sorted(entry.parent.iterdir())] == [entry.name, f"{entry.name}.lock"]


def test_other_weights_are_another_entry(stream_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "firmware"
    shutil.copytree(stream_folder, other)
    weights = sorted((other / "firmware" / "weights").glob("w*.txt"))[0]
    weights.write_text(weights.read_text().replace("0", "1", 1))
    assert entry_of(tmp_path, other) != entry_of(tmp_path, stream_folder)


def test_a_compile_error_names_its_line_and_its_log(stream_folder: Path, tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(ToolError, match=r"weft_top\.cpp.*error.*whole log: .*\.log") as raised:
        broken(stream_folder, tmp_path / "firmware", "void weft_top(", "void weft_top(nothing_known x, ")
    log = Path(str(raised.value).split("whole log: ")[1].rstrip(")"))
    assert "nothing_known" in log.read_text()
    assert own_cache in log.parents
    assert not [path for path in (own_cache / "firmware").iterdir() if path.name.startswith(".")]


def test_a_missing_compiler_is_one_sentence(
    stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    compiler._compiler.cache_clear()
    try:
        with pytest.raises(ToolError, match=r"g\+\+ is not on PATH.*apt-get install g\+\+"):
            compile_firmware(stream_folder)
    finally:
        compiler._compiler.cache_clear()
