"""Rows in the user's config folder, and the corrections they make."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from small_designs import dense_design

from weft.boards.errors import ArtefactError
from weft.sim import estimate
from weft.sim.calibration.store import (
    StoredRow,
    calibration_file,
    forget_rows,
    keep_rows,
    stored_corrections,
    stored_rows,
)

DESIGN = dense_design(8, 4)
KEY = ("Dense", "latency", "io_parallel")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEFT_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def row(layer: str, ratios: Mapping[str, float], *, tool: str = "vitis-2023.2", source: str = "a.xml") -> StoredRow:
    return StoredRow("zynq7", tool, *KEY, layer, source, "0123", ratios)


def test_rows_come_back_as_they_were_stored(config: Path) -> None:
    rows = (row("a", {"latency": 1.25, "lut": 0.5}), row("b", {"latency": 2.0}))
    keep_rows(rows)
    assert stored_rows() == rows
    assert stat.S_IMODE(config.stat().st_mode) == 0o700
    assert [path.name for path in config.iterdir()] == ["calibration.toml"]


def test_a_report_read_again_replaces_its_rows() -> None:
    keep_rows([row("a", {"latency": 1.25}), row("b", {"latency": 2.0})])
    keep_rows([row("a", {"latency": 3.0})])
    assert [(each.layer, each.ratios["latency"]) for each in stored_rows()] == [("b", 2.0), ("a", 3.0)]


def test_a_correction_is_the_median_of_its_rows() -> None:
    keep_rows([row(name, {"latency": ratio}) for name, ratio in (("a", 1.0), ("b", 1.5), ("c", 9.0))])
    correction = stored_corrections("zynq7", "vitis-2023.2")[KEY]
    assert (correction.factors, correction.rows, correction.sources) == ({"latency": 1.5}, 3, ("a.xml",))


def test_other_families_and_tools_are_not_corrected() -> None:
    keep_rows([row("a", {"latency": 2.0})])
    assert stored_corrections("alveo", "vitis-2023.2") == {}
    assert stored_corrections("zynq7", "vivado-2020.1") == {}


def test_an_estimate_is_corrected_from_then_on_and_says_so() -> None:
    before = estimate(DESIGN, "pynq-z2", tool="vitis-2023.2")
    keep_rows([row("a", {"latency": 3.0, "interval": 2.0, "lut": 2.0})])
    after = estimate(DESIGN, "pynq-z2", tool="vitis-2023.2")
    old, new = ({each.name: each for each in report.layers}["dense_1"] for report in (before, after))
    assert new.latency_cycles.worst == 3 * old.latency_cycles.worst
    assert new.interval_cycles.worst == 2 * old.interval_cycles.worst
    assert (new.resources.lut, new.resources.ff) == (2 * old.resources.lut, old.resources.ff)
    assert after.latency_cycles.worst - before.latency_cycles.worst == 2 * old.latency_cycles.worst
    assert (before.corrected_by, after.corrected_by) == ("", "corrected by 1 row of a.xml")
    assert after.to_json()["corrected_by"] == after.corrected_by
    assert estimate(DESIGN, "pynq-z2", tool="vivado-2020.1").corrected_by == ""
    assert estimate(DESIGN, "pynq-z2", tool="vitis-2023.2", corrections={}) == before


def test_many_sources_are_counted() -> None:
    keep_rows([row(f"l{i}", {"latency": 1.0}, source=f"{i}.xml") for i in range(5)])
    words = estimate(DESIGN, "pynq-z2", tool="vitis-2023.2").corrected_by
    assert words == "corrected by 5 rows of 0.xml, 1.xml, 2.xml and 2 more"


def test_everything_can_be_forgotten() -> None:
    keep_rows([row("a", {"latency": 2.0})])
    assert forget_rows() == 1
    assert (forget_rows(), stored_rows()) == (0, ())


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        'schema = "other"',
        'schema = "weft-calibration/1"',
        'schema = "weft-calibration/1"\nrows = [{family = "zynq7"}]',
        'schema = "weft-calibration/1"\nrows = 3',
    ],
)
def test_a_file_that_weft_did_not_write_is_refused(config: Path, text: str) -> None:
    config.mkdir()
    calibration_file().write_text(text)
    with pytest.raises(ArtefactError, match="is not what `weft calibrate` wrote") as caught:
        estimate(DESIGN, "pynq-z2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ratio", ["-1.0", "nan", "inf", "0.0"])
def test_a_ratio_that_is_none_is_refused(config: Path, ratio: str) -> None:
    keep_rows([row("a", {"latency": 2.0})])
    calibration_file().write_text(calibration_file().read_text().replace("latency = 2.0", f"latency = {ratio}"))
    with pytest.raises(ArtefactError, match="no positive number"):
        stored_rows()
