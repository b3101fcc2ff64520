"""Files and folders are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.boards.errors import InputError
from weft.hls.files import folder_aside, written_aside


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_aside(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with pytest.raises(RuntimeError), folder_aside(tmp_path / "f") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), written_aside(tmp_path / "file" / "x"):
        pass
    with pytest.raises(InputError, match="cannot be written"), folder_aside(tmp_path / "file" / "x"):
        pass


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), written_aside(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build").mkdir()
    monkeypatch.chdir(tmp_path / "build")
    with folder_aside(Path()) as part:
        (part / "whole").write_text("")
    assert [entry.name for entry in (tmp_path / "build").iterdir()] == ["whole"]
