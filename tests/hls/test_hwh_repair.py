"""A real Zynq-7000 .hwh (pynqmetadata's own test design) as pynq reads it, before and after the repair."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from weft.boards.errors import ArtefactError
from weft.hls.hwh_repair import repair_hwh

ZYNQ = """<?xml version="1.0" encoding="UTF-8"?>
<EDKSYSTEM><MODULES><MODULE MODTYPE="processing_system7"><PARAMETERS>
<PARAMETER NAME="PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ" VALUE="142.857132"/>
</PARAMETERS></MODULE></MODULES></EDKSYSTEM>"""


@pytest.fixture(scope="session")
def hwhs() -> Path:
    """The folder of pynqmetadata's own .hwh files."""
    spec = importlib.util.find_spec("pynqmetadata")
    if spec is None or spec.origin is None:
        pytest.skip("pynq is not installed")
    return Path(spec.origin).parent / "tests" / "hwhs"


def clocks(path: Path) -> dict[int, dict[str, Any]]:
    """What `Overlay.clock_dict` would be."""
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime.clock_dict_view import ClockDictView

    module: Any = Metadata(input=str(path))
    return dict(ClockDictView(module).items())


def set_clock(frequency: Any) -> tuple[int, int]:
    """The two divisors that pynq writes for a frequency (MHz), from an IO PLL of 1 GHz."""
    from pynq.ps import _ClocksZynq

    divisors: tuple[int, int] = object.__new__(_ClocksZynq)._get_2_divisors(1000.0, frequency, 6, 6)
    return divisors


def test_pynq_fails_on_a_real_zynq_file_as_it_is(hwhs: Path) -> None:
    enabled = [clock for clock in clocks(hwhs / "resizer.hwh").values() if clock["enable"]]
    assert len(enabled) == 1
    with pytest.raises(TypeError):
        set_clock(enabled[0]["frequency"])


def test_pynq_reads_the_repaired_file(hwhs: Path, tmp_path: Path) -> None:
    before = (hwhs / "resizer.hwh").read_bytes()
    path = tmp_path / "resizer.hwh"
    path.write_bytes(repair_hwh(before))
    found = clocks(path)
    assert {i: clock["frequency"] for i, clock in found.items()} == {0: 100.0, 1: 10.0, 2: 10.0, 3: 10.0}
    first, second = set_clock(found[0]["frequency"])
    assert first * second == 10


def test_nothing_else_of_the_file_changes(hwhs: Path) -> None:
    before = (hwhs / "resizer.hwh").read_bytes()
    after = repair_hwh(before)
    old = [(e.tag, e.attrib, (e.text or "").strip()) for e in ElementTree.fromstring(before).iter()]
    new = [(e.tag, e.attrib, (e.text or "").strip()) for e in ElementTree.fromstring(after).iter()]
    added = [item for item in new if item[1].get("NAME", "").endswith("REF_CTRL__ACT_FREQMHZ")]
    assert len(added) == 4
    assert [item for item in new if item not in added] == old
    assert repair_hwh(after) == after


def test_an_ultrascale_file_stays_byte_for_byte(hwhs: Path) -> None:
    data = (hwhs / "rfsoc_sam.hwh").read_bytes()
    assert repair_hwh(data) is data


def test_a_file_that_has_the_parameter_keeps_it() -> None:
    repaired = repair_hwh(ZYNQ.encode())
    assert b'NAME="PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ" VALUE="142.857132"' in repaired
    assert repaired.count(b"PSU__") == 1
    assert repair_hwh(repaired) == repaired


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not readable XML"),
        (b"\xff\xfe<\x00", "not readable XML"),
        (b"<EDKSYSTEM><MODULE>", "not readable XML"),
        (b"<other/>", "not with EDKSYSTEM"),
        (b'<!DOCTYPE EDKSYSTEM [<!ENTITY a "aaaa">]><EDKSYSTEM>&a;</EDKSYSTEM>', "document type"),
        (ZYNQ.encode("utf-16"), "not readable XML"),
        (b"<EDKSYSTEM/>" + b" " * (64 << 20), "larger"),
    ],
)
def test_what_is_not_a_hwh_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        repair_hwh(data)
