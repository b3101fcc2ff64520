"""Compiled firmware that several files of tests share, and the Tcl interpreter in which weft's scripts run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from firmware_graphs import mlp_graph

from weft.hls.firmware import Firmware, compile_firmware, write_firmware
from weft.hls.precision import FixedType


@pytest.fixture(scope="session")
def stream_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hls4ml")
    graph = mlp_graph("io_stream", FixedType(8, 0, False), FixedType(20, 9))
    return write_firmware(graph, tmp_path_factory.mktemp("stream") / "firmware")


@pytest.fixture(scope="session")
def stream(stream_folder: Path) -> Firmware:
    """io_stream, input ufixed<8,0>, which travels as 16 bits."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not on PATH")
    return compile_firmware(stream_folder)


@pytest.fixture(scope="session")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    """io_parallel, a narrow signed input and output, the same project name as `stream` and other weights."""
    pytest.importorskip("hls4ml")
    if shutil.which("g++") is None:
        pytest.skip("g++ is not on PATH")
    graph = mlp_graph("io_parallel", FixedType(6, 2, rounding="RND", overflow="SAT"), FixedType(8, 5), seed=1)
    return compile_firmware(write_firmware(graph, tmp_path_factory.mktemp("parallel") / "firmware"))


@pytest.fixture(scope="session")
def tclsh() -> str:
    found = shutil.which("tclsh")
    if found is None:
        pytest.skip("tclsh is not on PATH")
    return found
