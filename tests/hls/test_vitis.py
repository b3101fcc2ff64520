"""The scripts for Vitis HLS and Vivado, run by a Tcl interpreter with the vendor's commands stubbed (vendor.tcl)."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from weft.boards.board import Board
from weft.boards.errors import ArtefactError, InputError, ToolError
from weft.boards.loading import load_board
from weft.hls.block_design import address_map, placed, tcl_scripts
from weft.hls.design import Design, Tensor
from weft.hls.precision import FixedType
from weft.hls.vitis import bit_to_bin, build_bitstream, missing_tools

STUBS = Path(__file__).parent / "vendor.tcl"
TYPES = {8: FixedType(8, 3), 16: FixedType(8, 0, signed=False), 32: FixedType(20, 6), 64: FixedType(40, 9)}
HWH = b'<EDKSYSTEM><MODULES><MODULE MODTYPE="processing_system7"><PARAMETERS>' + (
    b'<PARAMETER NAME="PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ" VALUE="100.0"/></PARAMETERS></MODULE></MODULES></EDKSYSTEM>'
)
WORDS = bytes(range(32))


def bit_file(data: bytes = WORDS) -> bytes:
    """A .bit file: the fixed block, four texts, the data."""
    head = bytes.fromhex("0009 0ff0 0ff0 0ff0 0ff0 00 0001")
    texts = [(b"a", b"weft;UserID=0XFFFFFFFF\0"), (b"b", b"7z020clg400\0"), (b"c", b"2026/11/24\0"), (b"d", b"02:22\0")]
    fields = b"".join(key + struct.pack(">H", len(text)) + text for key, text in texts)
    return head + fields + b"e" + struct.pack(">I", len(data)) + data


def design(inputs: tuple[int, ...] = (16,), outputs: tuple[int, ...] = (32,), name: str = "net") -> Design:
    """A design with streams of these widths in bits, and nothing between them."""
    names = [*(f"x{i}" for i in range(len(inputs))), *(f"y{i}" for i in range(len(outputs)))]
    tensors = {name: Tensor(name, (4,), TYPES[bits]) for name, bits in zip(names, (*inputs, *outputs), strict=True)}
    split = len(inputs)
    return Design(name, "io_stream", 10.0, "", (), tensors, tuple(names[:split]), tuple(names[split:]))


def firmware(folder: Path, design: str = "net") -> Path:
    """The sources that the scripts name; the stubs look no further. What the stubs of Vivado give lies beside them."""
    (folder / "firmware").mkdir(parents=True)
    for name in ("weft_top.cpp", f"firmware/{design}.cpp"):
        (folder / name).write_text("")
    (folder / "given.bit").write_bytes(bit_file())
    (folder / "given.hwh").write_bytes(HWH)
    return folder


def prelude(given: Path, *designs: Design, progress: str = "100%", slack: str = "0.123") -> str:
    """What the stubs need to know: where Vivado's results lie (`given`), and what streams each IP has."""

    def widths(of: Design, port: str, names: tuple[str, ...]) -> str:
        bits = [of.tensors[name].type.storage.itemsize * 8 for name in names]
        return " ".join(f"{port}{i} {each}" for i, each in enumerate(bits))

    streams = " ".join(
        f"{place.ip} {{{{{widths(place.design, 'in', place.design.inputs)}}} "
        f"{{{widths(place.design, 'out', place.design.outputs)}}}}}"
        for place in placed(designs)
    )
    return (
        f"set streams {{{streams}}}\nset given {{{given}}}\n"
        f"set progress {progress}\nset slack {slack}\nsource {{{STUBS}}}\n"
    )


@pytest.fixture(scope="session")
def tclsh() -> str:
    found = shutil.which("tclsh")
    if found is None:
        pytest.skip("tclsh is not on PATH")
    return found


def run_tcl(tclsh: str, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "run.tcl").write_text(script)
    return subprocess.run([tclsh, "run.tcl"], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


ONE = design()
SHARING = [
    [ONE],
    [design((8, 64), (16,))],
    [design((32,), (8, 16, 64))],
    [design((8, 64), (16,)), design((32,), (8, 16, 64), "net_other")],
    [ONE, design((64, 8), (8,)), ONE],
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
    designs = [ONE, design(name="net_other")]
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
        found = sorted(address_map(family, placed([design((8,) * 15, (8,)), *[ONE] * 7])).values())
        assert low <= found[0]
        assert found[-1] + 0xFFFF <= high
        assert all(after - before >= 0x1_0000 for before, after in pairwise(found))


def test_a_card_has_no_block_design() -> None:
    with pytest.raises(InputError, match="'alveo'"):
        tcl_scripts([ONE], load_board("alveo-u50"))


def test_what_cannot_share_a_bitstream_is_refused() -> None:
    board = load_board("pynq-z2")
    with pytest.raises(InputError, match="18 streams"):
        tcl_scripts([design((8,) * 9, (8,) * 9)], board)
    assert tcl_scripts([ONE] * 8, board)
    with pytest.raises(InputError, match="18 streams"):
        tcl_scripts([ONE] * 9, board)
    with pytest.raises(InputError, match="17 IPs with registers"):
        tcl_scripts([design((8,) * 7, (8,)), design((), (8,) * 8)], board)
    with pytest.raises(InputError, match=r"share one clock, and these have 5\.0 ns, 10\.0 ns"):
        tcl_scripts([ONE, replace(ONE, clock_ns=5.0)], board)
    with pytest.raises(InputError, match="at least one design"):
        tcl_scripts([], board)


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
    assert {path.name for path in (project / "reports").iterdir()} == {"utilisation.rpt", "timing.rpt", "power.rpt"}


def test_two_designs_give_one_bitstream_and_reports_of_each(tools: Path, tmp_path: Path) -> None:
    designs = [ONE, design((8, 64), (16,), "net_other")]
    (tools / "prelude.tcl").write_text(prelude(tmp_path / "project", *designs))
    projects = [firmware(tmp_path / "project"), firmware(tmp_path / "other", "net_other")]
    target = build_bitstream(projects, designs, load_board("kv260"), tmp_path / "out" / "net.bin")
    assert sorted(path.name for path in target.parent.iterdir()) == ["net.bin", "net.bit", "net.hwh"]
    for project in projects:
        assert {path.name for path in (project / "reports").iterdir()} == {"utilisation.rpt", "timing.rpt", "power.rpt"}


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
