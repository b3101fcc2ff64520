"""examples/hls4ml_user.py as it is, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weft

pytest.importorskip("hls4ml")
pytest.importorskip("torch")


def test_a_pytorch_model_gives_what_hls4ml_s_c_simulation_gives(tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, repository / "examples" / "hls4ml_user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr  # its last line asserts that the values agree
    microseconds, unit = done.stdout.split()[-2:]
    assert unit == "us"
    saved = weft.Design.load(tmp_path / "d")
    assert float(microseconds) == weft.simulate(tmp_path / "d", board="zcu104").latency_us
    written = weft.Design.from_project(tmp_path / "hls4ml_prj")
    x = np.random.default_rng(1).normal(size=(100, 16))
    np.testing.assert_array_equal(written.run(x), saved.run(x))
