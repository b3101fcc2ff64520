"""What `make demo` runs, as a program."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")
pytest.importorskip("sklearn")


def test_the_demo_prints_its_table_and_leaves_its_artefacts(tmp_path: Path, repository: Path) -> None:
    examples = tmp_path / "examples"
    examples.mkdir()
    for name in ("digits_demo.py", "digits_data.py", "digits_cnn.onnx", "digits_mlp.onnx"):
        shutil.copy(repository / "examples" / name, examples)
    done = subprocess.run(
        [sys.executable, examples / "digits_demo.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4,500 of 4,500") == 2
    for network in ("digits_cnn", "digits_mlp"):
        folder = tmp_path / "bitstreams" / f"{network}-pynq-z2"
        assert f"artefacts in {folder.relative_to(tmp_path)}/" in done.stdout
        tracks = json.loads((folder / "timeline.json").read_text())["traceEvents"]
        assert {"design_0", "axi_dma_0 send"} <= {event["args"].get("name") for event in tracks if event["ph"] == "M"}
