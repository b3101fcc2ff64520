"""The figures of weft's own boards, against the tables they come from."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from weft.boards import Board, Resources, board_names, load_board

# part, LUT, FF, DSP, 36 Kb block RAMs, UltraRAMs, memory's peak in GB/s: AMD's product tables, checked by hand.
TABLE = {
    "pynq-z2": ("xc7z020clg400-1", 53_200, 106_400, 220, 140, 0, 2.1),
    "ultra96-v2": ("xczu3eg-sbva484-1-i", 70_560, 141_120, 360, 216, 0, 4.264),
    "zcu104": ("xczu7ev-ffvc1156-2-e", 230_400, 460_800, 1_728, 312, 96, 19.2),
    "zcu102": ("xczu9eg-ffvb1156-2-e", 274_080, 548_160, 2_520, 912, 0, 19.2),
    "kv260": ("xck26-sfvc784-2LV-c", 117_120, 234_240, 1_248, 144, 64, 19.2),
    "alveo-u50": ("xcu50-fsvh2104-2-e", 871_680, 1_743_360, 5_952, 1_344, 640, 316.0),
    "alveo-u200": ("xcu200-fsgd2104-2-e", 1_182_240, 2_364_480, 6_840, 2_160, 960, 76.8),
    "alveo-u250": ("xcu250-figd2104-2L-e", 1_728_000, 3_456_000, 12_288, 2_688, 1_280, 76.8),
    "alveo-u280": ("xcu280-fsvh2892-2L-e", 1_303_680, 2_607_360, 9_024, 2_016, 960, 460.0),
    "alveo-u55c": ("xcu55c-fsvh2892-2L-e", 1_303_680, 2_607_360, 9_024, 2_016, 960, 460.0),
}
FAMILIES = {  # family, link and architecture by how the part's name begins
    "xc7z": ("zynq7", "axi", "armv7l"),
    "xczu": ("zynq_ultrascale_plus", "axi", "aarch64"),
    "xck2": ("zynq_ultrascale_plus", "axi", "aarch64"),
    "xcu": ("alveo", "pcie", "x86_64"),
}


def test_the_boards_are_these() -> None:
    assert board_names() == sorted(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_figures_are_the_tables(name: str) -> None:
    board = load_board(name)
    part, lut, ff, dsp, bram36, uram, gigabytes_per_s = TABLE[name]
    assert (board.name, board.part) == (name, part)
    assert board.resources == Resources(lut=lut, ff=ff, dsp=dsp, bram18=2 * bram36, uram=uram)
    assert board.memory.bytes_per_s == pytest.approx(gigabytes_per_s * 1e9)


@pytest.mark.parametrize("name", TABLE)
def test_family_link_and_processor_suit_the_part(name: str) -> None:
    board = load_board(name)
    wanted = next(value for prefix, value in FAMILIES.items() if board.part.startswith(prefix))
    assert (board.family, board.link.kind, board.host.architecture) == wanted


@pytest.mark.parametrize("name", TABLE)
def test_every_figure_has_its_source(name: str, repository: Path) -> None:
    """A comment on the figure's line, on the lines above it, or on its table's heading."""
    covered_by_heading = commented = False
    for line in (repository / "boards" / f"{name}.toml").read_text().splitlines():
        if line.startswith("["):
            covered_by_heading = "#" in line
        elif re.match(r"(name|title|family|cores|architecture) =", line):
            pass  # names, and facts that the processor's own line covers
        elif "=" in line and not line.startswith("#"):
            assert "# " in line or commented or covered_by_heading, line
        commented = line.startswith("#")


def test_parts_are_hls4mls() -> None:
    hls4ml = pytest.importorskip("hls4ml")
    file = Path(hls4ml.__file__).parent / "backends" / "vivado_accelerator" / "supported_boards.json"
    parts = {name: entry["part"] for name, entry in json.loads(file.read_text()).items()}
    shared = set(parts) & set(board_names())
    assert shared >= {"pynq-z2", "zcu102", "alveo-u50", "alveo-u200", "alveo-u250", "alveo-u280"}
    assert {name: load_board(name).part for name in shared} == {name: parts[name] for name in shared}


def test_names_are_pynqs() -> None:
    named = {name: load_board(name).pynq_name for name in ("pynq-z2", "ultra96-v2", "zcu104", "kv260", "alveo-u50")}
    assert named == {
        "pynq-z2": "Pynq-Z2",
        "ultra96-v2": "Ultra96",
        "zcu104": "ZCU104",
        "kv260": "KV260",
        "alveo-u50": "",
    }


def test_usable_is_finns_share() -> None:
    for name in board_names():
        assert load_board(name).usable == {"lut": 0.7, "ff": 0.5, "dsp": 0.8, "bram18": 0.8, "uram": 0.8}
    usable = load_board("pynq-z2").usable_resources
    assert usable == Resources(lut=37_240, ff=53_200, dsp=176, bram18=224, uram=0)


def test_usable_counts_are_rounded_down() -> None:
    board = replace(load_board("pynq-z2"), resources=Resources(lut=10, ff=3, dsp=4, bram18=1, uram=9))
    assert board.usable_resources == Resources(lut=7, ff=1, dsp=3, bram18=0, uram=7)


def test_a_launch_costs_what_was_measured() -> None:
    assert load_board("pynq-z2").link.launch_us == 940
    for name in board_names():
        if name.startswith("alveo"):
            assert 400 <= load_board(name).link.launch_us <= 1300


def test_period_is_the_default_clocks() -> None:
    assert load_board("pynq-z2").clock.period_ns == 10.0
    assert load_board("zcu104").clock.period_ns == 5.0
    for name in board_names():
        clock = load_board(name).clock
        assert clock.default_mhz <= clock.maximum_mhz
        assert clock.period_ns * clock.default_mhz == pytest.approx(1000)


def test_an_axi_link_is_a_port_at_the_default_clock() -> None:
    """64 bits on Zynq-7000 and 128 on Zynq UltraScale+, as the block design that weft builds sets them."""
    for name in board_names():
        board = load_board(name)
        if board.link.kind == "axi":
            width = 8 if board.family == "zynq7" else 16
            assert board.link.bytes_per_s == pytest.approx(width * board.clock.default_mhz * 1e6)


def test_a_board_is_a_value() -> None:
    board = load_board("kv260")
    assert board == load_board("kv260") != load_board("zcu104")
    assert len({board, load_board("kv260"), load_board("zcu104")}) == 2
    with pytest.raises(FrozenInstanceError):
        board.part = "xc7z020clg400-1"  # type: ignore[misc]
    assert isinstance(board, Board)
