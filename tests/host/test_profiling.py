"""Measuring this machine: figures are positive, and foretell a network that was not measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weft.host import profiling
from weft.host.cli import run_command
from weft.host.cost import FAMILIES, kept_profile


def test_measure_and_keep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(profiling, "_PATIENCE_S", 0.02)
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    assert run_command(["profile", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    kept = kept_profile()
    assert kept is not None
    assert printed["operations_per_s"] == kept.operations_per_s
    assert set(kept.operations_per_s) == set(FAMILIES)
    assert all(rate > 1e6 for rate in kept.operations_per_s.values())
    assert kept.operations_per_s["matrix"] > kept.operations_per_s["function"]
    assert 0 < kept.node_s < kept.run_s < 0.1
    assert run_command(["profile"]) == 0
    assert "memory" in capsys.readouterr().out
