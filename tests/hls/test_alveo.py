"""The kernel of an Alveo card: compiled by g++ and run on samples in memory, and the link configuration."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hls4ml")
from exactness import design_of, raw_inputs
from random_graphs import random_network

from weft.boards import load_board
from weft.boards.errors import InputError, ToolError
from weft.hls import alveo
from weft.hls.compiler import compile_library
from weft.hls.design import Design


@pytest.fixture(scope="module")
def design() -> Design:
    return design_of(random_network(1, "io_stream"), "net_kernel")


def test_the_kernel_moves_samples_between_memories(design: Design, tmp_path: Path) -> None:
    project = design.write(tmp_path / "net")
    others = [tmp_path / name for name in ("before", "after")]
    for folder in others:
        folder.mkdir()
    alveo.write_kernels([others[0], project, others[1]], [design] * 3, load_board("alveo-u50"))
    units = [f"firmware/{design.name}.cpp", f"{design.name}_bridge.cpp", "weft_top.cpp", "weft_csim/weft_bridge.cpp"]
    library = compile_library(project, [*units, "weft_kernel1.cpp"])
    handle = ctypes.CDLL(str(library.path), mode=ctypes.RTLD_LOCAL)
    handle.weft_set_weights_folder(bytes(library.weights))
    raw = raw_inputs(design, 5, 0)
    sources, targets = ([design.tensors[name] for name in names] for names in (design.inputs, design.outputs))
    outputs = [np.zeros((5, *end.shape), end.type.storage) for end in targets]
    given = [np.ascontiguousarray(each, end.type.storage) for each, end in zip(raw, sources, strict=True)]
    arrays = (*given, *outputs)
    handle.weft_kernel1(*(ctypes.c_void_p(array.ctypes.data) for array in arrays), ctypes.c_uint(5))
    wanted = design.run(raw)
    for got, exact in zip(outputs, wanted if isinstance(wanted, list) else [wanted], strict=True):
        np.testing.assert_array_equal(got, exact)


def linked(folder: Path, designs: Sequence[Design], board: str) -> str:
    projects = [folder / str(number) for number in range(len(designs))]
    for project in projects:
        project.mkdir()
    alveo.write_kernels(projects, designs, load_board(board))
    return (projects[0] / "link.cfg").read_text()


@pytest.mark.parametrize(("board", "memory", "banks"), [("alveo-u50", "HBM", 16), ("alveo-u250", "DDR", 4)])
def test_each_stream_has_a_memory_as_far_as_they_go(
    design: Design, board: str, memory: str, banks: int, tmp_path: Path
) -> None:
    text = linked(tmp_path, [design] * 4, board)
    streams = [f"in{i}" for i in range(len(design.inputs))] + [f"out{i}" for i in range(len(design.outputs))]
    ports = [f"weft_kernel{number}_1.{stream}" for number in ("", 1, 2, 3) for stream in streams]
    wanted = [f"sp={port}:{memory}[{number % banks}]" for number, port in enumerate(ports)]
    assert len(wanted) > 4
    assert [line for line in text.splitlines() if line.startswith("sp=")] == wanted
    kernels = [line for line in text.splitlines() if line.startswith(("nk=", "slr="))]
    assert kernels == [
        "nk=weft_kernel:1:weft_kernel_1",
        "slr=weft_kernel_1:SLR0",
        *(f"nk=weft_kernel{number}:1:weft_kernel{number}_1" for number in (1, 2, 3)),
    ]


def test_a_board_that_is_no_card_is_refused(design: Design, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="board zcu104 is no Alveo card"):
        linked(tmp_path, [design], "zcu104")


def test_missing_tools_are_named(design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"v\+\+ is not on PATH"):
        alveo.build_xclbin([tmp_path], [design], tmp_path / "a.xclbin")
    (tmp_path / "v++").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "v++").chmod(0o755)
    monkeypatch.delenv("PLATFORM", raising=False)
    with pytest.raises(ToolError, match="PLATFORM is not set"):
        alveo.build_xclbin([tmp_path], [design], tmp_path / "a.xclbin")


def test_the_tools_are_called_as_v_plus_plus_wants(
    design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    script = f'#!/bin/sh\nprintf "%s\\n" "$*" >> {calls}\ncase "$*" in *" -l "*) printf x > weft.xclbin;; esac\n'
    (tmp_path / "v++").write_text(script)
    (tmp_path / "v++").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PLATFORM", "xilinx_u50")
    projects = [tmp_path / name for name in ("one", "two")]
    for project in projects:
        project.mkdir()
    alveo.build_xclbin(projects, [design, design], tmp_path / "net.xclbin")
    *compiling, linking = calls.read_text().splitlines()
    common = "-t hw --platform xilinx_u50 --kernel_frequency 100"
    assert compiling == [
        f"{common} -c -k {kernel} -I. -o {kernel}.xo {kernel}.cpp weft_top.cpp firmware/{design.name}.cpp"
        for kernel in ("weft_kernel", "weft_kernel1")
    ]
    objects = [f"{tmp_path}/one/weft_kernel.xo", f"{tmp_path}/two/weft_kernel1.xo"]
    assert linking == f"{common} -l --config link.cfg -o weft.xclbin {' '.join(objects)}"
    assert (tmp_path / "net.xclbin").read_text() == "x"
