"""Bitstreams from AMD's tools, of which `tclsh` with stubs takes the place (vendor_tools.py), and .bit to .bin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vendor_tools import ONE, WORDS, bit_file, firmware, prelude, stream_design

from weft.boards.errors import ArtefactError, ToolError
from weft.boards.loading import load_board
from weft.hls.vitis import bit_to_bin, build_bitstream, missing_tools

REPORTS = {"csynth.xml", "utilisation.rpt", "timing.rpt", "power.rpt"}

# ---------------------------------------------------------------- the whole build


@pytest.fixture
def tools(tclsh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`vitis-run` and `vivado` on PATH: tclsh with the stubs, whose prelude the test writes."""
    folder = tmp_path / "tools"
    folder.mkdir()
    text = '#!/bin/sh\nfor last; do :; done\ncat "{prelude}" "$last" > run.tcl\nexec "{tclsh}" run.tcl\n'
    for name in ("vitis-run", "vivado"):
        (folder / name).write_text(text.format(prelude=folder / "prelude.tcl", tclsh=tclsh))
        (folder / name).chmod(0o755)
    (folder / "prelude.tcl").write_text(prelude(tmp_path / "project", ONE))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def test_a_build_gives_bit_bin_and_a_mended_hwh(tools: Path, tmp_path: Path) -> None:
    project = firmware(tmp_path / "project")
    target = tmp_path / "out" / "net-0123.bin"
    assert missing_tools() == ""
    assert build_bitstream([project], [ONE], load_board("pynq-z2"), target) == target
    assert sorted(path.name for path in target.parent.iterdir()) == ["net-0123.bin", "net-0123.bit", "net-0123.hwh"]
    assert target.read_bytes() == bit_to_bin(bit_file())
    assert b"PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ" in target.with_suffix(".hwh").read_bytes()
    assert {path.name for path in (project / "reports").iterdir()} == REPORTS


def test_two_designs_give_one_bitstream_and_reports_of_each(tools: Path, tmp_path: Path) -> None:
    designs = [ONE, stream_design((8, 64), (16,), "net_other")]
    (tools / "prelude.tcl").write_text(prelude(tmp_path / "project", *designs))
    projects = [firmware(tmp_path / "project"), firmware(tmp_path / "other", "net_other")]
    target = build_bitstream(projects, designs, load_board("kv260"), tmp_path / "out" / "net.bin")
    assert sorted(path.name for path in target.parent.iterdir()) == ["net.bin", "net.bit", "net.hwh"]
    for project, name in zip(projects, ("net", "net_other"), strict=True):
        assert {path.name for path in (project / "reports").iterdir()} == REPORTS
        assert f"firmware/{name}.cpp" in (project / "reports" / "csynth.xml").read_text()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"progress": "50%"}, r"implementation stopped: place_design ERROR \(whole log: .*net-vivado\.log\)"),
        ({"slack": "-0.5"}, r"timing is not met: worst slack -0\.5 ns"),
    ],
)
def test_a_failed_build_leaves_its_log_and_nothing_else(
    tools: Path, state: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tools / "prelude.tcl").write_text(prelude(tmp_path / "project", ONE, **state))
    project = firmware(tmp_path / "project")
    with pytest.raises(ToolError, match=said):
        build_bitstream([project], [ONE], load_board("pynq-z2"), tmp_path / "out" / "net.bin")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (project / "reports").exists()
    assert "[weft]" in (tmp_path / "cache" / "logs" / "net-vivado.log").read_text()


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_tools().startswith("vitis-run (or vitis_hls) and vivado are not on PATH")
    for name in ("vitis_hls", "vivado"):
        with pytest.raises(ToolError, match="not on PATH"):
            build_bitstream([tmp_path], [ONE], load_board("pynq-z2"), tmp_path / "x.bin")
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert missing_tools() == ""


# ---------------------------------------------------------------- .bit to .bin


def test_bin_is_the_data_with_its_words_reversed() -> None:
    assert bit_to_bin(bit_file())[:8] == bytes([3, 2, 1, 0, 7, 6, 5, 4])


def test_bin_is_what_pynq_makes() -> None:
    pytest.importorskip("pynq")
    from pynq.pl_server.embedded_device import bit2bin

    assert bit_to_bin(bit_file()) == bit2bin(bit_file())


@pytest.mark.parametrize(
    "data", [b"", b"\0", bit_file()[:40], bit_file()[:-1], bit_file(WORDS[:-2]), bit_file().replace(b"b\0", b"z\0")]
)
def test_a_damaged_bit_file_is_refused(data: bytes) -> None:
    with pytest.raises(ArtefactError):
        bit_to_bin(data)
