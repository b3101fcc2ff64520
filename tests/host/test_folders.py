"""Folders that `weft simulate` takes, and what it says of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import image_layers, write_project
from small_designs import dense_design

from weft.boards.errors import ArtefactError
from weft.host.cli import run_command
from weft.host.folders import design_with_calls, holds_design, open_folder
from weft.host.simulate import simulate

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    dense_design().save(tmp_path / "d")
    return tmp_path / "d"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    pytest.importorskip("hls4ml")
    write_project(image_layers(0, "io_stream", "Latency"), tmp_path / "net")
    return tmp_path / "net"


def printed(capsys: Capture, *arguments: object) -> dict[str, object]:
    assert run_command([*map(str, arguments), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_saved_design_is_simulated(saved: Path, capsys: Capture) -> None:
    assert printed(capsys, "simulate", saved, "--board", "pynq-z2") == simulate(saved, board="pynq-z2").to_json()
    assert design_with_calls(saved)[1] == {}


def test_a_project_is_simulated(project: Path, capsys: Capture) -> None:
    assert printed(capsys, "simulate", project, "--board", "zcu104") == simulate(project, board="zcu104").to_json()
    design, calls = design_with_calls(project)
    assert [name for name in calls if name not in {layer.name for layer in design.layers}] == []


def test_the_tool_changes_what_is_foretold(project: Path, capsys: Capture) -> None:
    newest, older = (
        printed(capsys, "simulate", project, "--board", "zcu104", *tool) for tool in ([], ["--tool", "vivado-2020.1"])
    )
    assert newest["interval_cycles"] != older["interval_cycles"]
    assert older == simulate(project, board="zcu104", tool="vivado-2020.1").to_json()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tool", "gcc"], "tool 'gcc' is none: write vitis-2023.2 or vivado-2020.1"),
        (["--reuse-factor", "4"], "has its design, so --reuse-factor is for models only"),
    ],
)
def test_options_that_cannot_be_are_refused(saved: Path, capsys: Capture, options: list[str], words: str) -> None:
    assert run_command(["simulate", str(saved), "--board", "pynq-z2", *options]) == 1
    assert words in capsys.readouterr().err


def test_a_folder_that_is_nothing_says_what_would_be(tmp_path: Path, capsys: Capture) -> None:
    assert not holds_design(tmp_path)
    with pytest.raises(ArtefactError, match="is not a weft build"):
        open_folder(tmp_path)
    assert run_command(["simulate", str(tmp_path), "--board", "pynq-z2"]) == 1
    said = capsys.readouterr().err
    assert "an hls4ml project (hls4ml_config.yml) or a saved design (design.json)" in said
    assert said.count("\n") == 1


def test_a_damaged_project_is_one_sentence(project: Path, capsys: Capture) -> None:
    (project / "firmware/defines.h").unlink()
    assert run_command(["simulate", str(project), "--board", "zcu104"]) == 1
    said = capsys.readouterr().err
    assert "has no firmware/defines.h" in said
    assert said.count("\n") == 1
