"""The scripts for Vitis HLS and Vivado, run by a Tcl interpreter with the vendor's commands stubbed (vendor.tcl)."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from vendor_tools import HWH, ONE, bit_file, firmware, prelude, run_tcl, stream_design

from weft.boards.board import Board
from weft.boards.errors import InputError
from weft.boards.loading import load_board
from weft.hls.block_design import address_map, placed, tcl_scripts
from weft.hls.design import Design

SHARING = [
    [ONE],
    [stream_design((8, 64), (16,))],
    [stream_design((32,), (8, 16, 64))],
    [stream_design((8, 64), (16,)), stream_design((32,), (8, 16, 64), "net_other")],
    [ONE, stream_design((64, 8), (8,)), ONE],
]


@pytest.fixture(params=["pynq-z2", "kv260"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.mark.parametrize("designs", SHARING)
def test_the_scripts_run(tclsh: str, board: Board, designs: list[Design], tmp_path: Path) -> None:
    scripts = tcl_scripts(designs, board)
    given = prelude(tmp_path / "design_0", *designs)
    for place in placed(designs):
        room = firmware(tmp_path / place.name, place.design.name)
        hls = run_tcl(tclsh, given + scripts[f"{place.name}/build_hls.tcl"], room)
        assert (hls.returncode, hls.stderr) == (0, "")
        assert f"part:{board.part}" in hls.stdout
        assert hls.stdout.rstrip().endswith(f"exported:weft:hls:{place.ip}")
    vivado = run_tcl(tclsh, given + scripts["block_design.tcl"], tmp_path)
    assert (vivado.returncode, vivado.stderr) == (0, "")
    assert "valid saved wrapper top launched implemented opened" in vivado.stdout
    assert (tmp_path / "weft.bit").read_bytes() == bit_file()
    assert (tmp_path / "weft.hwh").read_bytes() == HWH


def test_streams_are_numbered_through_all_designs() -> None:
    script = tcl_scripts(SHARING[3], load_board("pynq-z2"))["block_design.tcl"]
    links = [line.split()[1:] for line in script.splitlines() if line.startswith("link ")]
    assert [each for each in links if "AXIS" in "".join(each)] == [
        ["axi_dma_0/M_AXIS_MM2S", "design_0/in0"],
        ["design_0/out0", "axi_dma_0/S_AXIS_S2MM"],
        ["axi_dma_1/M_AXIS_MM2S", "design_0/in1"],
        ["axi_dma_2/M_AXIS_MM2S", "design_1/in0"],
        ["design_1/out0", "axi_dma_2/S_AXIS_S2MM"],
        ["design_1/out1", "axi_dma_3/S_AXIS_S2MM"],
        ["design_1/out2", "axi_dma_4/S_AXIS_S2MM"],
    ]
    assert "configure control CONFIG.NUM_SI 1 CONFIG.NUM_MI 7\n" in script  # two designs, five DMAs
    assert "configure memory CONFIG.NUM_SI 7 CONFIG.NUM_MI 1\n" in script  # three inputs, four outputs
    for name, address in address_map("zynq7", placed(SHARING[3])).items():
        assert re.search(rf"-offset 0x{address:08X} .*\\\n +\[get_bd_addr_segs {name}/", script)


@pytest.mark.parametrize(("old", "new"), [("weft_top_1", "weft_top"), ("design_1_", "")])
def test_the_stubs_notice_ips_that_share_names(tclsh: str, old: str, new: str, tmp_path: Path) -> None:
    designs = [ONE, stream_design(name="net_other")]
    scripts = tcl_scripts(designs, load_board("pynq-z2"))
    for place in placed(designs):
        script = scripts[f"{place.name}/build_hls.tcl"].replace(f"-ipname {old}", f"-ipname {new}")
        script = re.sub(rf"config_rtl.*{old}" if not new else "^$", "", script)
        room = firmware(tmp_path / place.name, place.design.name)
        assert run_tcl(tclsh, prelude(room, *designs) + script, room).returncode == 0
    result = run_tcl(tclsh, prelude(tmp_path, *designs) + scripts["block_design.tcl"], tmp_path)
    assert "two IPs share names" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("NUM_MI 2", "NUM_MI 1", "no interface control/M01_AXI"),
        ("NUM_MI 2", "NUM_MI 17", "NUM_MI 17"),
        ("axi_dma_0/M_AXIS_MM2S design_0/in0", "axi_dma_0/M_AXIS_MM2S design_0/in1", "no interface design_0/in1"),
        ("c_m_axis_mm2s_tdata_width 16", "c_m_axis_mm2s_tdata_width 8", "has 8 bits"),
        ("link design_0/out0 axi_dma_0/S_AXIS_S2MM\n", "", "is not connected"),
        ("CONFIG.c_include_sg 0", "CONFIG.c_include_sg 1", "is not connected"),
        ("CONFIG.PCW_USE_S_AXI_HP0 1", "CONFIG.PCW_USE_S_AXI_HP1 1", "no parameter"),
        ("0x43C00000", "0x40400000", "one address"),
        ("validate_bd_design\n", "", "save_bd_design before valid"),
        ("-to_step write_bitstream", "-to_stage write_bitstream", "unknown option -to_stage"),
        ("update_ip_catalog\n", "", "before catalogue"),
    ],
)
def test_the_stubs_notice_mistakes(tclsh: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    script = tcl_scripts([ONE], load_board("pynq-z2"))["block_design.tcl"]
    assert old in script
    catalogue = firmware(tmp_path / "design_0") / "weft_hls" / "solution1" / "impl" / "ip"
    catalogue.mkdir(parents=True)
    (catalogue / "weft:hls:weft_top").touch()
    result = run_tcl(tclsh, prelude(tmp_path / "design_0", ONE) + script.replace(old, new), tmp_path)
    assert result.returncode != 0
    assert said in result.stderr


def test_addresses_do_not_overlap() -> None:
    for family, low, high in (("zynq7", 0x4000_0000, 0x7FFF_FFFF), ("zynq_ultrascale_plus", 0xA000_0000, 0xAFFF_FFFF)):
        found = sorted(address_map(family, placed([stream_design((8,) * 15, (8,)), *[ONE] * 7])).values())
        assert low <= found[0]
        assert found[-1] + 0xFFFF <= high
        assert all(after - before >= 0x1_0000 for before, after in pairwise(found))


def test_a_card_has_no_block_design() -> None:
    with pytest.raises(InputError, match="'alveo'"):
        tcl_scripts([ONE], load_board("alveo-u50"))


def test_what_cannot_share_a_bitstream_is_refused() -> None:
    board = load_board("pynq-z2")
    with pytest.raises(InputError, match="18 streams"):
        tcl_scripts([stream_design((8,) * 9, (8,) * 9)], board)
    assert tcl_scripts([ONE] * 8, board)
    with pytest.raises(InputError, match="18 streams"):
        tcl_scripts([ONE] * 9, board)
    with pytest.raises(InputError, match="17 IPs with registers"):
        tcl_scripts([stream_design((8,) * 7, (8,)), stream_design((), (8,) * 8)], board)
    with pytest.raises(InputError, match=r"share one clock, and these have 5\.0 ns, 10\.0 ns"):
        tcl_scripts([ONE, replace(ONE, clock_ns=5.0)], board)
    with pytest.raises(InputError, match="at least one design"):
        tcl_scripts([], board)
