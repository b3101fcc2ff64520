"""Firmware to a bitstream with AMD's tools: Vitis HLS makes an IP of it, Vivado puts that beside AXI DMAs and the
processing system. Both run in a folder of their own; what fails leaves its log in weft's cache.

Written from AMD's manuals and tested with the vendor's commands stubbed (tests/hls/test_vitis.py), not yet with Vivado.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.boards.errors import ArtefactError, InputError, ToolError
from weft.hls.cache import private_cache
from weft.hls.hwh_repair import repair_hwh
from weft.hls.rendering import render

if TYPE_CHECKING:
    from weft.boards.board import Board
    from weft.hls.design import Design

#: AXI DMA's length register, bits (PG021 allows up to 26): transfers of up to 64 MiB.
LENGTH_BITS = 26
#: What overlays are made of beside their processing system.
NETWORK = "design_0"

# Names of pins and ports: PG082 for Zynq-7000, PG201 for Zynq UltraScale+. Addresses: the windows of M_AXI_GP0 (UG585,
# "System Addresses") and of M_AXI_HPM0_FPD (UG1085, "Global Address Map").
_SYSTEMS: dict[str, dict[str, Any]] = {
    "zynq7": {
        "kind": "processing_system7",
        "name": "processing_system7_0",
        "clock": "FCLK_CLK0",
        "reset": "FCLK_RESET0_N",
        "control": "M_AXI_GP0",
        "control_clock": "M_AXI_GP0_ACLK",
        "memory": "S_AXI_HP0",
        "memory_clock": "S_AXI_HP0_ACLK",
        "memory_bits": 64,
        "address_bits": 32,
        "dma_address": 0x4040_0000,
        "network_address": 0x43C0_0000,
    },
    "zynq_ultrascale_plus": {
        "kind": "zynq_ultra_ps_e",
        "name": "zynq_ultra_ps_e_0",
        "clock": "pl_clk0",
        "reset": "pl_resetn0",
        "control": "M_AXI_HPM0_FPD",
        "control_clock": "maxihpm0_fpd_aclk",
        "memory": "S_AXI_HP0_FPD",
        "memory_clock": "saxihp0_fpd_aclk",
        "memory_bits": 128,
        "address_bits": 40,
        "dma_address": 0xA000_0000,
        "network_address": 0xA100_0000,
    },
}
_WINDOW = 0x1_0000  # bytes of registers given to each IP
_PART = re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII)
_SUFFIXES = (".bit", ".hwh", ".bin")
_REPORTS = ("weft_hls/solution1/syn/report/csynth.xml", "utilisation.rpt", "timing.rpt", "power.rpt")
_LARGEST_BIT = 1 << 28  # bytes; the largest device weft knows has bitstreams of about 100 MB


def missing_tools() -> str:
    """What keeps this machine from building bitstreams, as a sentence; an empty string where nothing does."""
    missing = [] if _hls_command() else ["vitis-run (or vitis_hls)"]
    missing += [] if shutil.which("vivado") else ["vivado"]
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} not on PATH: with them weft builds a bitstream for a real board"


def address_map(family: str, dmas: int) -> dict[str, int]:
    """Where the processing system sees each IP's 64 KiB of registers, by instance name."""
    system = _system(family)
    found = {NETWORK: int(system["network_address"])}
    return found | {f"axi_dma_{i}": int(system["dma_address"]) + i * _WINDOW for i in range(dmas)}


def build_bitstream(project: str | Path, design: Design, board: Board, target: str | Path) -> Path:
    """Build `target` (.bin, for PYNQ.remote) and beside it the .bit and the .hwh, from what `write_firmware` wrote.

    The tools' reports go to `<project>/reports`. Takes minutes to hours. Raises ToolError where a tool is missing or
    fails (also if timing is not met), InputError for a board that has no block design.
    """
    source, wanted = Path(project), Path(target)
    scripts = tcl_scripts(design, board)
    reason = missing_tools()
    if reason:
        raise ToolError(reason)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{wanted.stem}.", dir=wanted.parent))
    try:
        room = work / "build"
        shutil.copytree(source, room)
        for name, text in scripts.items():
            (room / name).write_text(text, encoding="utf-8")
        run_tool([*_hls_command(), "build_hls.tcl"], room, f"{wanted.stem}-hls.log")
        vivado = ["vivado", "-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source", "block_design.tcl"]
        run_tool(vivado, room, f"{wanted.stem}-vivado.log")
        _collect(room, wanted)
        _keep_reports(room, source / "reports")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return wanted.with_suffix(".bin")


def tcl_scripts(design: Design, board: Board) -> dict[str, str]:
    """The scripts for Vitis HLS and Vivado, by file name. Raises InputError for a board that has no block design."""
    system = _system(board.family)
    if not _PART.fullmatch(board.part):
        raise InputError(f"board {board.name} has part {board.part!r}, which is no part's name")
    inputs = [_beat_bits(design, name) for name in design.inputs]
    outputs = [_beat_bits(design, name) for name in design.outputs]
    count = max(len(inputs), len(outputs))
    addresses = address_map(board.family, count)
    dmas = [
        {
            "name": f"axi_dma_{i}",
            "address": f"0x{addresses[f'axi_dma_{i}']:08X}",
            "input_bits": inputs[i] if i < len(inputs) else 0,
            "output_bits": outputs[i] if i < len(outputs) else 0,
        }
        for i in range(count)
    ]
    masters = [f"axi_dma_{i}/M_AXI_MM2S" for i in range(len(inputs))]
    masters += [f"axi_dma_{i}/M_AXI_S2MM" for i in range(len(outputs))]
    if len(masters) > 16:
        raise InputError(f"design {design.name} has {len(masters)} streams, and one SmartConnect joins 16 (PG247)")
    values = {
        "project": design.name,
        "part": board.part,
        "clock_ns": design.clock_ns,
        "clock_mhz": f"{1000 / design.clock_ns:.6f}",
        "ps": system,
        "network": {"name": NETWORK, "address": f"0x{addresses[NETWORK]:08X}"},
        "dmas": dmas,
        "masters": masters,
        "memory_bits": system["memory_bits"],
        "address_bits": system["address_bits"],
        "length_bits": LENGTH_BITS,
        "jobs": min(os.cpu_count() or 1, 8),
    }
    return {name: render(f"{name}.j2", **values) for name in ("build_hls.tcl", "block_design.tcl")}


def bit_to_bin(bit: bytes) -> bytes:
    """A .bit file as the .bin that Linux's fpga_manager loads: without its header, each 32-bit word's bytes reversed.

    A .bit begins with a block of fixed content, then fields `key, length, bytes`: a to d are texts, e is the bitstream.
    """
    try:
        (first,) = struct.unpack_from(">H", bit, 0)
        offset = 2 + first + 2
        while (key := bit[offset : offset + 1]) != b"e":
            if key not in (b"a", b"b", b"c", b"d"):
                raise ArtefactError(f"a .bit file has an unknown field {key!r} at byte {offset}: build it again")
            offset += 3 + struct.unpack_from(">H", bit, offset + 1)[0]
        (length,) = struct.unpack_from(">I", bit, offset + 1)
    except struct.error as error:
        raise ArtefactError("a .bit file ends within its header: build it again") from error
    data = bit[offset + 5 :]
    if length != len(data) or length % 4:
        raise ArtefactError(f"a .bit file holds {len(data)} bytes where its header says {length}: build it again")
    return np.frombuffer(data, np.uint32).byteswap().tobytes()


def _system(family: str) -> dict[str, Any]:
    if family not in _SYSTEMS:
        raise InputError(
            f"boards of family {family!r} have no block design here: it is there for {', '.join(sorted(_SYSTEMS))}"
        )
    return _SYSTEMS[family]


def _beat_bits(design: Design, name: str) -> int:
    return design.tensors[name].type.storage.itemsize * 8


def _hls_command() -> list[str]:
    """How this machine's Vitis HLS takes a script (`vitis-run` since 2024.1, `vitis_hls` before); empty without one."""
    if shutil.which("vitis-run"):
        return ["vitis-run", "--mode", "hls", "--tcl"]
    return ["vitis_hls", "-f"] if shutil.which("vitis_hls") else []


def run_tool(command: Sequence[str], room: Path, log_name: str) -> None:
    """Run a tool in `room`; if it fails its log is kept in weft's cache and named in the error."""
    log = room / log_name
    with log.open("wb") as file:
        done = subprocess.run(
            command, cwd=room, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode == 0:
        return
    kept = private_cache("logs") / log_name
    shutil.copyfile(log, kept)
    lines = log.read_text("utf-8", errors="replace").splitlines()
    said = next((line.strip()[:300] for line in lines if line.startswith("ERROR")), f"exit code {done.returncode}")
    raise ToolError(f"{command[0]} failed: {said} (whole log: {kept})")


def _collect(room: Path, target: Path) -> None:
    """Put .bit, .hwh (mended for pynq) and .bin at `target`'s place, or none of them."""
    missing = [name for name in ("weft.bit", "weft.hwh") if not (room / name).is_file()]
    if missing:
        raise ToolError(f"vivado ended without an error and without {missing[0]}: run it again, and report this")
    if (room / "weft.bit").stat().st_size > _LARGEST_BIT:
        raise ToolError("vivado wrote a .bit file that is larger than any device's: run it again")
    (room / "weft.bin").write_bytes(bit_to_bin((room / "weft.bit").read_bytes()))
    (room / "weft.hwh").write_bytes(repair_hwh((room / "weft.hwh").read_bytes()))
    for suffix in _SUFFIXES:
        (room / f"weft{suffix}").replace(target.with_suffix(suffix))


def _keep_reports(room: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in _REPORTS:
        if (room / name).is_file():
            shutil.copyfile(room / name, folder / Path(name).name)
