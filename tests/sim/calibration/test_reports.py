"""Figures read out of each kind of report, and what is no report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import FIGURES, ZCU104, cosim_rpt, csynth_rpt, csynth_xml, synth_rpt, write

from weft.boards.errors import ArtefactError
from weft.sim.calibration.reports import is_report, read_reports


def test_a_module_has_a_csynth_xml_named_after_it(tmp_path: Path) -> None:
    (report,) = read_reports(write(tmp_path, "dense_config2_s_csynth.xml", csynth_xml("net")))
    assert (report.module, report.stage, report.tool) == ("dense_config2_s", "csynth", "vitis-2023.2")
    assert (report.part, report.clock_ns, report.whole) == (ZCU104, 5.0, True)
    assert report.figures == FIGURES


def test_csynth_xml_is_the_top_s_and_its_modules_have_no_interval(tmp_path: Path) -> None:
    text = csynth_xml("net", modules={"dense_config2_s": {**FIGURES, "latency": 5}, "net": FIGURES})
    top, module = read_reports(write(tmp_path, "csynth.xml", text))
    assert (top.module, top.figures["interval"], top.whole) == ("net", 4, True)
    assert (module.module, module.figures["latency"], module.whole) == ("dense_config2_s", 5, False)
    assert "interval" not in module.figures


@pytest.mark.parametrize(("vitis", "tool"), [(True, "vitis-2023.2"), (False, "vivado-2019.2")])
def test_the_text_says_the_same(tmp_path: Path, vitis: bool, tool: str) -> None:
    (report,) = read_reports(write(tmp_path, "net_csynth.rpt", csynth_rpt("net", vitis=vitis)))
    assert (report.module, report.tool, report.part, report.clock_ns) == ("net", tool, ZCU104, 5.0)
    assert report.figures == FIGURES


@pytest.mark.parametrize(("version", "tool"), [("2020.1", "vivado-2020.1"), ("2020.2", "vitis-2020.2"), ("new", "")])
def test_the_tool_of_an_xml_follows_from_its_version(tmp_path: Path, version: str, tool: str) -> None:
    (report,) = read_reports(write(tmp_path, "net_csynth.xml", csynth_xml("net", version=version)))
    assert report.tool == tool


def test_what_is_undefined_is_left_out(tmp_path: Path) -> None:
    text = csynth_xml("net").replace("<Worst-caseLatency>17<", "<Worst-caseLatency>undef<")
    (report,) = read_reports(write(tmp_path, "net_csynth.xml", text))
    assert "latency" not in report.figures
    assert report.figures["interval"] == 4


def test_cosimulation(tmp_path: Path) -> None:
    (report,) = read_reports(write(tmp_path, "net_cosim.rpt", cosim_rpt(90, 32)))
    assert (report.module, report.stage, report.figures) == ("net", "cosim", {"latency": 90, "interval": 32})


def test_a_cosimulation_that_was_not_run_has_no_figures(tmp_path: Path) -> None:
    assert read_reports(write(tmp_path, "net_cosim.rpt", cosim_rpt(90, 32).replace("Pass", "NA"))) == []


def test_vivado_s_synthesis_counts_tiles_twice(tmp_path: Path) -> None:
    (report,) = read_reports(write(tmp_path, "vivado_synth.rpt", synth_rpt("net", 500, 600, 2.5, 7)))
    assert (report.module, report.stage) == ("net", "synth")
    assert report.figures == {"lut": 500, "ff": 600, "bram18": 5, "uram": 0, "dsp": 7}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("net_csynth.xml", "<other/>", "is no report"),
        ("net_csynth.xml", "<profile>", "not readable XML"),
        ("net_csynth.rpt", "a letter", "is no report"),
        ("notes.txt", "a letter", "is no report"),
        ("net_csynth.xml", '<!DOCTYPE a [<!ENTITY b "bbbb">]><profile>&b;</profile>', "document type or entities"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(ArtefactError, match=words) as caught:
        read_reports(write(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot be read: No such file"):
        read_reports(tmp_path / "csynth.xml")


def test_an_entity_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 40))
    bomb = f'<?xml version="1.0"?><!DOCTYPE profile [<!ENTITY e0 "ha">{entities}]><profile>&e39;</profile>'
    with pytest.raises(ArtefactError, match="document type or entities"):
        read_reports(write(tmp_path, "net_csynth.xml", bomb))


@given(st.data())
def test_a_damaged_report_gives_figures_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name, text = data.draw(
        st.sampled_from(
            [
                ("net_csynth.xml", csynth_xml("net", modules={"m": FIGURES})),
                ("net_csynth.rpt", csynth_rpt("net")),
                ("net_cosim.rpt", cosim_rpt(9, 3)),
                ("vivado_synth.rpt", synth_rpt("net", 1, 2, 0.5, 4)),
            ]
        )
    )
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.sampled_from(["", "|", "<", "9", "?", "\n"])) + text[place + 1 :]
    try:
        found = read_reports(write(tmp_path_factory.mktemp("damaged"), name, damaged))
    except ArtefactError as error:
        assert "\n" not in str(error)
    else:
        assert all(value >= 0 for report in found for value in report.figures.values())


def test_names_of_reports() -> None:
    named = ["csynth.xml", "a_csynth.xml", "a_csynth.rpt", "a_cosim.rpt", "vivado_synth.rpt"]
    assert all(is_report(Path(name)) for name in named)
    assert not any(is_report(Path(name)) for name in ("a.xml", "a.rpt", "csynth.log", "design.json"))
