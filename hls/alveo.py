"""An Alveo card's kernel: C++ around weft_top, the link configuration, and v++ where it is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from weft.boards import Board
from weft.boards.errors import InputError, ToolError
from weft.hls.design import Design, Tensor
from weft.hls.rendering import render
from weft.hls.vitis import run_tool

KERNEL = "weft_kernel"

#: Memories of a card that a stream can have to itself: DDR4 channels of U200 and U250 (UG1120), HBM pseudo-channels
#: that one kernel in SLR0 reaches without crossing half of the switch (PG276).
_BANKS = {"ddr": ("DDR", 4), "hbm": ("HBM", 16)}


def missing_tools() -> str:
    """What keeps this machine from building for a card, as a sentence; an empty string where nothing does."""
    if not shutil.which("v++"):
        return "v++ is not on PATH: with it weft builds a kernel for an Alveo card"
    if not os.environ.get("PLATFORM"):
        return "PLATFORM is not set: name the card's Vitis platform, as `platforminfo -l` lists them"
    return ""


def kernel_files(design: Design, board: Board) -> dict[str, str]:
    """The kernel's C++ and v++'s link configuration, by file name. Raises InputError for a board that is no card."""
    if board.family != "alveo":
        raise InputError(f"board {board.name} is no Alveo card: its designs are driven by AXI DMAs")
    inputs = [_port(f"in{i}", design.tensors[name]) for i, name in enumerate(design.inputs)]
    outputs = [_port(f"out{i}", design.tensors[name]) for i, name in enumerate(design.outputs)]
    memory, count = _BANKS[board.memory.kind]
    ports = [{**port, "bank": f"{memory}[{i % count}]"} for i, port in enumerate([*inputs, *outputs])]
    return {
        f"{KERNEL}.cpp": render(f"{KERNEL}.cpp.j2", inputs=inputs, outputs=outputs),
        "link.cfg": render("link.cfg.j2", kernel=KERNEL, ports=ports),
    }


def write_kernel(design: Design, board: Board, project: Path) -> None:
    """Put the kernel's files into a project that `Design.write` wrote."""
    for name, text in kernel_files(design, board).items():
        (project / name).write_text(text, encoding="utf-8")


def build_xclbin(project: Path, design: Design, board: Board, target: Path) -> Path:
    """Compile and link the kernel with v++ (UG1393) into `target`. Takes hours. Raises ToolError as it fails."""
    reason = missing_tools()
    if reason:
        raise ToolError(reason)
    frequency = str(round(1000 / design.clock_ns))
    common = ["v++", "-t", "hw", "--platform", os.environ["PLATFORM"], "--kernel_frequency", frequency]
    sources = [f"{KERNEL}.cpp", "weft_top.cpp", f"firmware/{design.name}.cpp"]
    run_tool([*common, "-c", "-k", KERNEL, "-I.", "-o", "weft.xo", *sources], project, f"{target.stem}-compile.log")
    run_tool(
        [*common, "-l", "--config", "link.cfg", "-o", "weft.xclbin", "weft.xo"], project, f"{target.stem}-link.log"
    )
    (project / "weft.xclbin").replace(target)
    return target


def _port(name: str, tensor: Tensor) -> dict[str, Any]:
    """What the templates say about one stream: `word` holds one value in memory, as it does on weft's streams."""
    bits = tensor.type.storage.itemsize * 8
    return {"name": name, "word": f"int{bits}_t", "size": tensor.size}
