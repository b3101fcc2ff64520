"""examples/pynq_app.py as it is, on what `weft build` wrote, against the virtual board."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weft
from weft.sim import VirtualBoard

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")
pytest.importorskip("sklearn")
from digits_data import load_split


@pytest.mark.usefixtures("pynq_lock")
def test_a_plain_pynq_program_classifies_digits(tmp_path: Path, repository: Path, free_address: str) -> None:
    train, _, test, _ = load_split()
    source = repository / "examples" / "digits_cnn.onnx"
    plan = weft.plan(weft.compress(source, "fixed8", calibration=train[:200]), board="pynq-z2")
    build = weft.build(plan, tmp_path / "digits")
    np.savez(tmp_path / "samples.npz", x=test[:24])
    with VirtualBoard("pynq-z2", host=free_address):
        done = subprocess.run(
            [sys.executable, repository / "examples" / "pynq_app.py", build.folder, tmp_path / "samples.npz"],
            env={**os.environ, "PYNQ_REMOTE_DEVICES": free_address},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert plan.fpga_region is not None
    assert plan.fpga_region.design is not None
    classes = np.asarray(plan.fpga_region.design.run(np.moveaxis(test[:24], 1, -1))).argmax(axis=-1)
    assert done.stdout.splitlines()[-1] == " ".join(["classes", *map(str, classes)])
