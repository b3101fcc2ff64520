"""Firmware to a bitstream with AMD's tools: Vitis HLS makes an IP of each design, Vivado puts those beside AXI DMAs and
the processing system. Both run in a folder of their own; what fails leaves its log in weft's cache.

Written from AMD's manuals and tested with the vendor's commands stubbed (tests/hls/test_vitis.py), not yet with Vivado.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weft.boards.errors import ArtefactError, ToolError
from weft.hls.block_design import placed, tcl_scripts
from weft.hls.cache import private_cache
from weft.hls.hwh_repair import repair_hwh

if TYPE_CHECKING:
    from weft.boards.board import Board
    from weft.hls.design import Design

_SUFFIXES = (".bit", ".hwh", ".bin")
_HLS_REPORT = "weft_hls/solution1/syn/report/csynth.xml"
_REPORTS = ("utilisation.rpt", "timing.rpt", "power.rpt")
_LARGEST_BIT = 1 << 28  # bytes; the largest device weft knows has bitstreams of about 100 MB


def missing_tools() -> str:
    """What keeps this machine from building bitstreams, as a sentence; an empty string where nothing does."""
    missing = [] if _hls_command() else ["vitis-run (or vitis_hls)"]
    missing += [] if shutil.which("vivado") else ["vivado"]
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} not on PATH: with them weft builds a bitstream for a real board"


def build_bitstream(projects: Sequence[Path], designs: Sequence[Design], board: Board, target: str | Path) -> Path:
    """Build `target` (.bin, for PYNQ.remote) and beside it the .bit and the .hwh, of all designs together.

    `projects` are the folders that `write_firmware` wrote, one for each design; the tools' reports, of the design and
    of the whole bitstream, go to `<project>/reports`. Takes minutes to hours. Raises ToolError where a tool is missing
    or fails (also if timing is not met), InputError for a board that has no block design and designs that share none.
    """
    wanted = Path(target)
    scripts = tcl_scripts(designs, board)
    reason = missing_tools()
    if reason:
        raise ToolError(reason)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{wanted.stem}.", dir=wanted.parent))
    try:
        room = work / "build"
        names = [place.name for place in placed(designs)]
        for name, project in zip(names, projects, strict=True):
            shutil.copytree(project, room / name)
        for name, text in scripts.items():
            (room / name).write_text(text, encoding="utf-8")
        for name in names:
            run_tool([*_hls_command(), "build_hls.tcl"], room / name, f"{wanted.stem}-{name}-hls.log")
        vivado = ["vivado", "-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source", "block_design.tcl"]
        run_tool(vivado, room, f"{wanted.stem}-vivado.log")
        _collect(room, wanted)
        for name, project in zip(names, projects, strict=True):
            _keep_reports([room / name / _HLS_REPORT, *(room / report for report in _REPORTS)], project / "reports")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return wanted.with_suffix(".bin")


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


def _keep_reports(reports: Sequence[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for report in reports:
        if report.is_file():
            shutil.copyfile(report, folder / report.name)
