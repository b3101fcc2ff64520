"""Files are whole or not there; arrays from strangers hold no pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weft.boards.errors import InputError
from weft.host import files
from weft.host.files import folder_aside, read_npz, write_npz, written_aside


def test_arrays_of_any_name(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.eye(2, dtype=np.float32), "../x": np.zeros((0, 4))}
    write_npz(tmp_path / "y.npz", arrays)
    again = read_npz(tmp_path / "y.npz")
    assert set(again) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(again[name], values)


def test_what_is_no_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(InputError, match="not a file"):
        read_npz(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(path)
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(path)
    np.savez(path, x=np.zeros(1000))
    monkeypatch.setattr(files, "LARGEST_NPZ", 1000)
    with pytest.raises(InputError, match="give fewer samples"):
        read_npz(path)


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
