"""`weft calibrate` on a project with reports, and what it changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import image_layers, write_project
from reports import ZCU104, cosim_rpt, csynth_xml, synth_rpt, write

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import Design
from weft.host.calibrate import calibrate
from weft.host.cli import run_command
from weft.host.simulate import simulate
from weft.sim import estimate
from weft.sim.calibration.store import stored_rows
from weft.sim.report import LayerReport

pytest.importorskip("hls4ml")

Capture = pytest.CaptureFixture[str]
TOOL = "vitis-2023.2"
RELU = "relu_array_array_ap_fixed_4u_relu_config3_s"


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small CNN's project, and reports in which its ReLU takes three times the cycles and the LUTs."""
    folder = tmp_path / "net"
    write_project(image_layers(0, "io_stream", "Latency"), folder)
    relu = rows(folder)["activation_2"]
    figures = {
        "latency": 3 * relu.latency_cycles.worst,
        "interval": 3 * relu.interval_cycles.worst,
        **{name: 3 * count for name, count in relu.resources.as_dict().items()},
    }
    place = folder / "net_prj/solution1/syn/report"
    write(place, f"{RELU}_csynth.xml", csynth_xml("net", figures, part=ZCU104))
    write(place, "net_csynth.xml", csynth_xml("net", part=ZCU104))
    write(folder / "net_prj/solution1/sim/report", "net_cosim.rpt", cosim_rpt(90, 64))
    write(folder, "vivado_synth.rpt", synth_rpt("net", 500, 600, 2.5, 7))
    return folder


def rows(folder: Path) -> dict[str, LayerReport]:
    report = estimate(Design.from_project(folder), "zcu104", 5.0, tool=TOOL, ends=False)
    return {row.name: row for row in report.layers}


def test_a_project_s_reports_correct_later_estimates(project: Path) -> None:
    before = rows(project)
    result = calibrate([project], "zcu104")
    compared = {(row.name, row.report.stage) for row in result.rows}
    assert compared == {("top", "csynth"), ("top", "cosim"), ("top", "synth"), ("activation_2", "csynth")}
    assert [row.layer for row in result.stored] == ["activation_2"]
    after = rows(project)
    assert after["activation_2"].latency_cycles.worst == 3 * before["activation_2"].latency_cycles.worst
    assert {name for name in before if before[name] != after[name]} == {"activation_2"}
    said = simulate(project, board="zcu104", tool=TOOL).corrected_by
    assert said == f"corrected by 1 row of {RELU}_csynth.xml"


def test_calibrating_twice_does_not_count_twice_or_correct_the_corrected(project: Path) -> None:
    first = calibrate([project], "zcu104")
    second = calibrate([project, project / "net_prj"], "zcu104")
    assert first.stored == second.stored == stored_rows()


def test_a_report_alone_finds_the_project_around_it(project: Path) -> None:
    result = calibrate([project / f"net_prj/solution1/syn/report/{RELU}_csynth.xml"], "zcu104")
    assert [row.name for row in result.rows] == ["activation_2"]


def test_a_report_elsewhere_takes_the_only_design_given(project: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    Design.from_project(project).save(saved)
    away = write(tmp_path / "away", "net_csynth.xml", csynth_xml("net"))
    assert [row.name for row in calibrate([saved, away], "zcu104").rows] == ["top"]
    assert stored_rows() == ()


def refused(words: str, *paths: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        calibrate(paths, "zcu104")
    assert "\n" not in str(caught.value)
    assert stored_rows() == ()


def test_what_cannot_be_calibrated_is_refused_in_one_sentence(project: Path, tmp_path: Path) -> None:
    away = write(tmp_path / "away", "net_csynth.xml", csynth_xml("net"))
    refused("lies in no hls4ml project", away)
    refused("does not exist", tmp_path / "nowhere")
    refused("is no report", write(project, "letter.txt", "dear all"))
    refused("neither design net nor a layer", write(project / "other", "other_csynth.xml", csynth_xml("other")))
    for path in project.rglob("*.*"):
        if path.name.endswith(("csynth.xml", ".rpt")):
            path.unlink()
    refused("has no report with figures in it", project)


def test_the_command_prints_and_stores(project: Path, capsys: Capture) -> None:
    assert run_command(["calibrate", str(project), "--board", "zcu104", "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["stored"] == 1
    assert {row["name"] for row in found["rows"]} == {"top", "activation_2"}
    assert f"they correct estimates with --tool {TOOL}" in printed.err
    assert run_command(["calibrate", str(project), "--board", "zcu104"]) == 0
    assert "activation_2" in capsys.readouterr().out
    assert run_command(["calibrate", "--list"]) == 0
    assert "activation_2" in capsys.readouterr().out
    assert run_command(["simulate", str(project), "--board", "zcu104", "--tool", TOOL]) == 0
    assert "corrected by 1 row" in " ".join(capsys.readouterr().out.split())
    assert run_command(["calibrate", "--forget"]) == 0
    assert "1 row(s) removed" in " ".join(capsys.readouterr().out.split())
    assert stored_rows() == ()


def test_the_command_without_reports_or_board_says_what_it_needs(project: Path, capsys: Capture) -> None:
    for arguments in ([], [str(project)], ["--board", "zcu104"]):
        assert run_command(["calibrate", *arguments]) == 1
        assert "nothing to calibrate" in capsys.readouterr().err


def test_a_tool_that_is_none_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="tool 'gcc' is none"):
        calibrate([project], "zcu104", "gcc")


def test_a_folder_that_is_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError, match=r"is not a weft build .* an hls4ml project .* or a saved design"):
        simulate(tmp_path / "empty", board="zcu104")
