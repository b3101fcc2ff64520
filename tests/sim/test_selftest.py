"""PYNQ's own self-test, `python -m pynq.remote.selftest`, against the virtual board."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.sim.virtual_board import VirtualBoard

pytest.importorskip("pynq")

BOARDS = pytest.mark.parametrize("name", ["pynq-z2", "kv260"])
RunProgram = Callable[..., subprocess.CompletedProcess[str]]


@BOARDS
def test_without_a_bitstream(name: str, free_address: str, run_program: RunProgram) -> None:
    with VirtualBoard(name, host=free_address):
        done = run_program("-m", "pynq.remote.selftest", "--ip", free_address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed, 0 failed, 1 skipped" in done.stdout


@BOARDS
def test_with_an_overlay_that_has_leds(
    name: str, free_address: str, run_program: RunProgram, write_overlay: Callable[..., Path], tmp_path: Path
) -> None:
    bitstream = write_overlay([], tmp_path, name, gpios=["leds"])
    with VirtualBoard(name, host=free_address):
        done = run_program("-m", "pynq.remote.selftest", "--ip", free_address, "--bitstream", bitstream)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 passed, 0 failed, 0 skipped" in done.stdout
