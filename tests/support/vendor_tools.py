"""Vitis HLS and Vivado, as far as weft's scripts know them: a Tcl interpreter with the vendor's commands stubbed
(vendor.tcl), what they are told, and what they leave."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from weft.hls.block_design import placed
from weft.hls.design import Design, Tensor
from weft.hls.precision import FixedType

STUBS = Path(__file__).with_name("vendor.tcl")
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


def stream_design(inputs: tuple[int, ...] = (16,), outputs: tuple[int, ...] = (32,), name: str = "net") -> Design:
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


def run_tcl(tclsh: str, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "run.tcl").write_text(script)
    return subprocess.run([tclsh, "run.tcl"], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


ONE = stream_design()
