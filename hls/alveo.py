"""An Alveo card's kernels: C++ around weft_top, the link configuration, and v++ where it is installed.

Design k of an xclbin is its kernel `weft_kernel`, for k = 0, or `weft_kernel<k>`.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weft.boards import Board
from weft.boards.errors import InputError, ToolError
from weft.hls.block_design import shared_clock_ns
from weft.hls.design import Design
from weft.hls.rendering import render
from weft.hls.vitis import run_tool

#: Memories of a card that a stream can have to itself: DDR4 channels of U200 and U250 (UG1120), HBM pseudo-channels
#: that one kernel in SLR0 reaches without crossing half of the switch (PG276).
_BANKS = {"ddr": ("DDR", 4), "hbm": ("HBM", 16)}
_LINK = "link.cfg"


def missing_tools() -> str:
    """What keeps this machine from building for a card, as a sentence; an empty string where nothing does."""
    if not shutil.which("v++"):
        return "v++ is not on PATH: with it weft builds a kernel for an Alveo card"
    if not os.environ.get("PLATFORM"):
        return "PLATFORM is not set: name the card's Vitis platform, as `platforminfo -l` lists them"
    return ""


def kernel_name(number: int) -> str:
    """The kernel of an xclbin's design `number`."""
    return "weft_kernel" if number == 0 else f"weft_kernel{number}"


def write_kernels(projects: Sequence[Path], designs: Sequence[Design], board: Board) -> None:
    """Put the kernels' files into projects that `Design.write` wrote, one for each design; the first gets v++'s link
    configuration of all. Raises InputError for a board that is no card."""
    if board.family != "alveo":
        raise InputError(f"board {board.name} is no Alveo card: its designs are driven by AXI DMAs")
    for number, (project, design) in enumerate(zip(projects, designs, strict=True)):
        inputs, outputs = _ports(design)
        text = render("weft_kernel.cpp.j2", kernel=kernel_name(number), inputs=inputs, outputs=outputs)
        (project / f"{kernel_name(number)}.cpp").write_text(text, encoding="utf-8")
    (projects[0] / _LINK).write_text(_link_configuration(designs, board), encoding="utf-8")


def build_xclbin(projects: Sequence[Path], designs: Sequence[Design], target: Path) -> Path:
    """Compile and link the kernels that `write_kernels` wrote with v++ (UG1393) into `target`. Takes hours.

    Raises ToolError as it fails, InputError for designs that share no clock.
    """
    reason = missing_tools()
    if reason:
        raise ToolError(reason)
    frequency = str(round(1000 / shared_clock_ns(designs)))
    common = ["v++", "-t", "hw", "--platform", os.environ["PLATFORM"], "--kernel_frequency", frequency]
    objects = []
    for number, (project, design) in enumerate(zip(projects, designs, strict=True)):
        kernel = kernel_name(number)
        sources = [f"{kernel}.cpp", "weft_top.cpp", f"firmware/{design.name}.cpp"]
        compiling = [*common, "-c", "-k", kernel, "-I.", "-o", f"{kernel}.xo", *sources]
        run_tool(compiling, project, f"{target.stem}-{kernel}-compile.log")
        objects.append(str((project / f"{kernel}.xo").resolve()))
    linking = [*common, "-l", "--config", _LINK, "-o", "weft.xclbin", *objects]
    run_tool(linking, projects[0], f"{target.stem}-link.log")
    (projects[0] / "weft.xclbin").replace(target)
    return target


def _link_configuration(designs: Sequence[Design], board: Board) -> str:
    """Streams are numbered through all designs, so that each has a memory of its own as far as they go."""
    memory, count = _BANKS[board.memory.kind]
    banks = (f"{memory}[{number % count}]" for number in itertools.count())
    kernels = [
        {
            "name": kernel_name(number),
            "ports": [{**port, "bank": next(banks)} for end in _ports(design) for port in end],
        }
        for number, design in enumerate(designs)
    ]
    return render("link.cfg.j2", kernels=kernels)


def _ports(design: Design) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the templates say about a design's input and output streams: `word` holds one value in memory, as it does on
    weft's streams."""
    inward, outward = (
        [
            {"name": f"{word}{i}", "word": f"int{tensor.type.storage.itemsize * 8}_t", "size": tensor.size}
            for i, tensor in enumerate(design.tensors[name] for name in names)
        ]
        for word, names in (("in", design.inputs), ("out", design.outputs))
    )
    return inward, outward
