"""The .hwh, as pynq's own parser reads it, and against the block design that Vivado builds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from small_designs import dense_design

from weft.boards import board_names, load_board
from weft.boards.errors import InputError
from weft.hls.block_design import placed, tcl_scripts
from weft.hls.design import Design
from weft.hls.hwh_repair import repair_hwh
from weft.sim.hwh import write_hwh
from weft.sim.overlay import Overlay, address_map
from weft.sim.processing_system import fabric_clock, family_of

DESIGN = dense_design()
ZYNQ = [name for name in board_names() if load_board(name).family != "alveo"]
BOARDS = pytest.mark.parametrize("name", ZYNQ)
TWO_OUTPUTS = replace(DESIGN, outputs=("relu_2", "dense_1"))


def parsed(text: str, folder: Path) -> Any:
    """What pynq makes of a .hwh."""
    pytest.importorskip("pynqmetadata")
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime import RuntimeMetadataParser

    path = folder / "overlay.hwh"
    path.write_text(text)
    module: Any = Metadata(input=str(path))
    return RuntimeMetadataParser(module)


@BOARDS
def test_pynq_finds_every_ip_at_its_address(name: str, tmp_path: Path) -> None:
    overlay = Overlay((TWO_OUTPUTS,), ("leds",))
    board = load_board(name)
    metadata = parsed(write_hwh(overlay.designs, name, 10.0, overlay.gpios), tmp_path)
    expected = address_map(overlay, board.family)
    assert set(expected) == {"design_0", "axi_dma_0", "axi_dma_1", "leds"}
    found = {ip: (row["phys_addr"], row["addr_range"]) for ip, row in metadata.ip_dict.items() if ip in expected}
    assert found == {ip: (address, 0x1_0000) for ip, address in expected.items()}
    assert metadata.family_ps == family_of(board).kind
    assert metadata.ip_dict["leds"]["type"] == "xilinx.com:ip:axi_gpio:2.0"


@BOARDS
def test_pynq_finds_the_clock(name: str, tmp_path: Path) -> None:
    wanted = fabric_clock(family_of(load_board(name)), 5.0)
    clocks = parsed(write_hwh([DESIGN], name, 5.0), tmp_path).clock_dict
    assert [clocks[i]["enable"] for i in range(4)] == [1, 0, 0, 0]
    assert clocks[0]["frequency"] == pytest.approx(wanted.mhz)
    assert (clocks[0]["divisor0"], clocks[0]["divisor1"]) == (wanted.first, wanted.second)
    assert all(clocks[i]["frequency"] > 0 for i in range(4))  # pynq 4.0.0 sets clocks that are off too


def test_pynq_finds_the_networks_registers(tmp_path: Path) -> None:
    registers = parsed(write_hwh([DESIGN], "pynq-z2", 10.0), tmp_path).ip_dict["design_0"]["registers"]
    assert {name: row["address_offset"] for name, row in registers.items()} == {
        "CTRL": 0x00,
        "GIER": 0x04,
        "IP_IER": 0x08,
        "IP_ISR": 0x0C,
        "samples": 0x10,
    }
    control = {name: row["bit_offset"] for name, row in registers["CTRL"]["fields"].items()}
    assert control == {"AP_START": 0, "AP_DONE": 1, "AP_IDLE": 2, "AP_READY": 3, "AUTO_RESTART": 7}


def test_pynq_finds_what_carries_the_streams_of_a_second_design(tmp_path: Path) -> None:
    text = write_hwh([TWO_OUTPUTS, dense_design(4, 6), TWO_OUTPUTS], "kv260", 10.0)
    found = parsed(text, tmp_path).ip_dict
    assert {name for name in found if name.startswith("design_")} == {"design_0", "design_1", "design_2"}
    assert [found[f"design_{number}"]["type"] for number in range(3)] == [
        "weft:hls:weft_top:1.0",
        "weft:hls:weft_top_1:1.0",
        "weft:hls:weft_top_2:1.0",
    ]
    sends = [found[f"axi_dma_{number}"]["parameters"]["c_include_mm2s"] for number in range(5)]
    assert sends == ["1", "0", "1", "1", "0"]
    assert "axi_dma_5" not in found


def test_pynq_finds_what_each_dma_can_do(tmp_path: Path) -> None:
    dmas = parsed(write_hwh([TWO_OUTPUTS], "pynq-z2", 10.0), tmp_path).ip_dict
    first, second = (dmas[f"axi_dma_{i}"]["parameters"] for i in range(2))
    for parameters in (first, second):
        assert (parameters["c_include_sg"], parameters["c_sg_length_width"]) == ("0", "26")
        assert (parameters["c_include_s2mm"], parameters["c_m_axi_s2mm_data_width"]) == ("1", "64")
    assert (first["c_include_mm2s"], second["c_include_mm2s"]) == ("1", "0")
    assert (first["c_m_axis_mm2s_tdata_width"], first["c_s_axis_s2mm_tdata_width"]) == ("8", "16")
    offsets = {name: row["address_offset"] for name, row in dmas["axi_dma_0"]["registers"].items()}
    assert offsets == {
        "MM2S_DMACR": 0x00,
        "MM2S_DMASR": 0x04,
        "MM2S_SA": 0x18,
        "MM2S_SA_MSB": 0x1C,
        "MM2S_LENGTH": 0x28,
        "S2MM_DMACR": 0x30,
        "S2MM_DMASR": 0x34,
        "S2MM_DA": 0x48,
        "S2MM_DA_MSB": 0x4C,
        "S2MM_LENGTH": 0x58,
    }


@BOARDS
@pytest.mark.parametrize("designs", [[TWO_OUTPUTS], [TWO_OUTPUTS, DESIGN, TWO_OUTPUTS]])
def test_it_says_what_the_block_design_builds(name: str, designs: list[Design]) -> None:
    """Instances, addresses and configured parameters of the Tcl that makes the real thing."""
    board = load_board(name)
    script = tcl_scripts(designs, board)["block_design.tcl"]
    root = ElementTree.fromstring(write_hwh(designs, board, 10.0))
    modules = {module.get("INSTANCE"): module for module in root.iter("MODULE")}
    places = placed(designs)
    dmas = [dma for place in places for dma in place.dma_names]
    assert len(modules) == 1 + len(places) + len(dmas)
    for instance, module in modules.items():
        kind = re.search(rf"create_bd_cell .* (\S+) {instance}$", script, re.MULTILINE)
        assert kind is not None
        assert kind[1].startswith(str(module.get("VLNV")).rpartition(":")[0])
    for instance in dmas:
        text = re.sub(r"\\\n", " ", script)
        pattern = rf"configure {instance} (.*)$"
        wanted = dict(re.findall(r"CONFIG\.(\S+) (\S+)", " ".join(re.findall(pattern, text, re.MULTILINE))))
        parameters = {row.get("NAME"): row.get("VALUE") for row in modules[instance].iter("PARAMETER")}
        shared = {key: value for key, value in wanted.items() if key in parameters}
        assert {key: parameters[key] for key in shared} == shared
        assert {"c_include_sg", "c_sg_length_width", "c_include_mm2s", "c_addr_width"} <= set(shared)
    for address in address_map(Overlay(tuple(designs)), board.family).values():
        assert f"0x{address:08X}" in script


@BOARDS
def test_nothing_in_it_needs_mending(name: str) -> None:
    data = write_hwh([DESIGN], name, 10.0).encode()
    assert repair_hwh(data) == data


def test_a_card_has_no_hwh() -> None:
    with pytest.raises(InputError, match="no processing system"):
        write_hwh([DESIGN], "alveo-u250", 4.0)
