"""Reports: JSON by its schema, addition, what does not fit, the table."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from weft.boards.errors import InputError
from weft.boards.resources import Resources
from weft.sim.report import LayerReport, Range, Report

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report-schema.json").read_text())
COUNTS = st.integers(0, 10**7)
CYCLES = st.tuples(COUNTS, COUNTS).map(lambda pair: Range(min(pair), max(pair)))
RESOURCES = st.builds(Resources, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
ENERGY = st.floats(0, 1e6)
ROWS = st.builds(LayerReport, st.text(), st.just("Dense"), st.just("fpga"), st.integers(1, 4096), CYCLES, CYCLES,
                 RESOURCES, ENERGY)  # fmt: skip
REPORTS = st.builds(Report, st.just("pynq-z2"), st.just(10.0), st.lists(ROWS, min_size=1, max_size=4).map(tuple),
                    CYCLES, CYCLES, RESOURCES, RESOURCES, RESOURCES, ENERGY)  # fmt: skip


def small(dsp: int = 100) -> Report:
    rows = (
        LayerReport("first", "Dense", "fpga", 4, Range(5, 6), Range(4, 4), Resources(lut=100, dsp=dsp - 30), 1.0),
        LayerReport("second", "Dense", "fpga", 1, Range(1, 1), Range(1, 1), Resources(lut=50, dsp=30), 0.5),
    )
    available, usable = Resources(53200, 106400, 220, 280, 0), Resources(37240, 53200, 176, 224, 0)
    return Report("pynq-z2", 10.0, rows, Range(7, 8), Range(4, 5), Resources(lut=150, dsp=dsp), available, usable, 2.0)


@given(REPORTS)
def test_json_round_trip_and_schema(report: Report) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = json.dumps(report.to_json(), allow_nan=False)
    jsonschema.validate(json.loads(text), SCHEMA)
    assert Report.from_json(json.loads(text)) == report


def test_schema_refuses_a_damaged_report() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for key in SCHEMA["required"]:
        damaged = small().to_json()
        del damaged[key]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, SCHEMA)


DAMAGE = [{"schema": "weft-report/1"}, {"layers": 3}, {"latency_cycles": {"best": 9, "worst": 1}}]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_json_is_one_sentence(damage: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Report.from_json({**small().to_json(), **damage})


def test_missing_key_is_named() -> None:
    data = small().to_json()
    del data["energy_uj"]
    with pytest.raises(InputError, match="energy_uj"):
        Report.from_json(data)


def test_derived_figures() -> None:
    report = small()
    assert report.latency_us == pytest.approx(0.08)  # 8 cycles of 10 ns
    assert report.inferences_per_s == pytest.approx(20e6)  # every 5 cycles of 10 ns
    assert report.utilisation["dsp"] == pytest.approx(100 / 220)  # of the whole board
    assert report.fits
    assert report.misfit() == ""


def test_fits_asks_for_the_usable_part() -> None:
    assert small(176).fits
    report = small(177)
    assert not report.fits
    assert report.misfit() == (
        "the design needs 177 DSP and pynq-z2 has 176 usable, 1 too few; layer first (Dense, reuse factor 4) takes "
        "most, 147: raise its reuse factor or narrow its types"
    )


def test_a_resource_the_board_lacks() -> None:
    report = replace(small(), resources=Resources(uram=1))
    assert not report.fits
    assert report.to_json()["utilisation"]["uram"] is None
    assert "1 URAM" in report.misfit()


@given(REPORTS, REPORTS)
def test_addition_is_one_after_the_other(a: Report, b: Report) -> None:
    both = a + b
    assert both.latency_cycles.worst == a.latency_cycles.worst + b.latency_cycles.worst
    assert both.interval_cycles.best == a.interval_cycles.best + b.interval_cycles.best
    assert both.resources == a.resources + b.resources
    assert both.layers == a.layers + b.layers
    assert both.energy_uj == pytest.approx(a.energy_uj + b.energy_uj)


def test_reports_of_two_clocks_do_not_add() -> None:
    with pytest.raises(InputError, match=r"10.0 ns and pynq-z2 at 5.0 ns"):
        _ = small() + replace(small(), clock_ns=5.0)


def test_table_fits_a_terminal() -> None:
    sink = StringIO()
    console = Console(width=80, file=sink)
    console.print(small().table())
    text = sink.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for expected in ("first", "second", "total", "fits", "45.5%", "0.08 us"):
        assert expected in text
