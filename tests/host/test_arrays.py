"""Arrays from strangers hold no pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weft.boards.errors import InputError
from weft.host import arrays
from weft.host.arrays import read_npz, write_npz


def test_arrays_of_any_name(tmp_path: Path) -> None:
    given = {"file": np.arange(3), "a/b": np.eye(2, dtype=np.float32), "../x": np.zeros((0, 4))}
    write_npz(tmp_path / "y.npz", given)
    again = read_npz(tmp_path / "y.npz")
    assert set(again) == set(given)
    for name, values in given.items():
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
    monkeypatch.setattr(arrays, "LARGEST_NPZ", 1000)
    with pytest.raises(InputError, match="give fewer samples"):
        read_npz(path)
