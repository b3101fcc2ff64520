"""The virtual board's files: in memory, bounded, and only where a program may write."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.boards import load_board
from weft.boards.errors import DeviceError, InputError
from weft.sim.files import VIRTUAL_MARK, Files

BOARD = load_board("pynq-z2")


def test_a_board_says_what_it_is() -> None:
    files = Files(BOARD)
    assert files.read("/proc/device-tree/chosen/pynq_board") == b"Pynq-Z2\0"
    assert b"armv7l" in files.read("/proc/version")
    assert b"aarch64" in Files(load_board("kv260")).read("/proc/version")
    assert files.read(VIRTUAL_MARK) == b"pynq-z2\0"
    assert not Files(load_board("zcu102")).exists("/proc/device-tree/chosen/pynq_board")  # PYNQ knows no such board


def test_files_and_folders() -> None:
    files = Files(BOARD)
    files.write("/tmp/a/b", b"123")
    assert files.read("/tmp/a/b") == b"123"
    assert all(files.exists(path) for path in ("/tmp/a/b", "/tmp/a", "/tmp/a/", "/proc"))
    assert not any(files.exists(path) for path in ("/tmp/a/c", "/tm", "", "/lib/firmware/x"))
    files.remove("/tmp/a/b")
    files.remove("/tmp/a/b")
    with pytest.raises(DeviceError, match="there is no file '/tmp/a/b'"):
        files.read("/tmp/a/b")


@pytest.mark.parametrize(
    "path",
    [
        *("", "x", "tmp/x", "/tmp/", "/tmp//x", "/tmp/../etc/passwd", "/tmp/x/..", "/tmp/a\0b", "/tmpx/y"),
        *("/etc/passwd", "/proc/version", VIRTUAL_MARK, "/lib/firmware/" + "x" * 2000),
    ],
)
def test_other_places_are_not_written(path: str) -> None:
    with pytest.raises(DeviceError, match=r"not an absolute path|cannot be written"):
        Files(BOARD).write(path, b"x")


def test_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.files._LARGEST_TOTAL", 100)
    files = Files(BOARD)
    files.write("/tmp/a", b"x" * 60)
    files.write("/tmp/a", b"x" * 90)  # takes the place of the first
    with pytest.raises(DeviceError, match="would exceed 100 bytes"):
        files.write("/tmp/b", b"x" * 11)
    files.remove("/tmp/a")
    files.write("/tmp/b", b"x" * 100)


def test_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(BOARD)
    monkeypatch.setattr("weft.sim.files._LARGEST_COUNT", len(files._files) + 1)
    files.write("/tmp/a", b"")
    files.write("/tmp/a", b"again")
    with pytest.raises(DeviceError, match="files already"):
        files.write("/tmp/b", b"")


def test_a_folder_of_bitstreams_is_there_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "net-pynq-z2").mkdir()
    (tmp_path / "a.bin").write_bytes(b"1")
    (tmp_path / "net-pynq-z2" / "b.bin").write_bytes(b"2")
    (tmp_path / "c.hwh").write_bytes(b"3")
    files = Files(BOARD, tmp_path)
    assert (files.read("/lib/firmware/a.bin"), files.read("/lib/firmware/b.bin")) == (b"1", b"2")
    assert not files.exists("/lib/firmware/c.hwh")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder of bitstreams"):
        Files(BOARD, tmp_path / "nothing")
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        Files(BOARD, tmp_path)
