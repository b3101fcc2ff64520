"""What a run is described by: copies, the table of `--profile`, and the two clocks of `--trace`."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from rich.console import Console
from small_networks import erf

from weft.boards import load_board
from weft.host.device import Region
from weft.host.devices.cpu import CpuDevice
from weft.host.last_run import LastRun, RegionRun, copies
from weft.sim.timeline import Event

CPU = RegionRun("cpu0", "cpu", 4, 0.0, 2e-3, 1e-3, 0, 1, 64)
FPGA = RegionRun("fpga0", "fpga", 4, 2e-3, 5e-3, 4e-6, 128, 2, 128, cycles=1_234, simulated_s=12.34e-6)
LATER = RegionRun("fpga1", "fpga", 4, 8e-3, 1e-3, 4e-6, 128, 2, 128, cycles=100, simulated_s=1e-6)


def test_the_clocks_are_kept_apart() -> None:
    clocks = LastRun((CPU, FPGA, LATER), 9e-3).clocks()
    assert clocks["real clock"] == [
        Event("cpu", "cpu0", 0.0, 2e3, {"samples": 4, "bytes": 0, "copies": 1}),
        Event("fpga", "fpga0", 2e3, 5e3, {"samples": 4, "bytes": 128, "copies": 2}),
        Event("fpga", "fpga1", 8e3, 1e3, {"samples": 4, "bytes": 128, "copies": 2}),
    ]
    first, second = clocks["simulated clock"]
    assert (first.track, first.name, first.start_us, first.arguments) == ("fpga", "fpga0", 0.0, {"cycles": 1_234})
    assert first.duration_us == second.start_us == pytest.approx(12.34)
    assert second.name == "fpga1"
    assert second.duration_us == pytest.approx(1.0)


def test_the_table_has_predicted_and_measured() -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(LastRun((CPU, FPGA), 8e-3).table())
    text = capture.get()
    assert "8 ms measured" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["cpu0", "cpu", "4", "1", "ms", "2", "ms", "1", "0"] in rows
    assert ["fpga0", "fpga", "4", "4", "us", "5", "ms", "1,234", "2", "128"] in rows


def test_the_cpu_copies_only_what_it_cannot_read_in_place() -> None:
    region = Region("cpu0", "cpu", ("erf",), ("x",), ("y",), ir.from_proto(erf()))
    program = CpuDevice(load_board("zcu104"), threads=1).prepare(region)
    whole = np.zeros((4, 6), np.float32)
    assert copies(region, program, {"x": whole}) == (0, 0)
    assert copies(region, program, {"x": whole.T}) == (1, 96)
    assert copies(region, program, {"x": whole[:, ::2]}) == (1, 48)
    assert copies(region, program, {"x": np.array([["a", "b"]], object)}) == (1, 16)
    assert copies(region, program, {"x": [np.zeros(3), np.zeros(2)], "y": None}) == (1, 40)


def test_between_two_cpu_regions_nothing_is_copied() -> None:
    """An output is ONNX Runtime's memory, and is what the next region's ONNX Runtime reads."""
    import onnxruntime as ort

    region = Region("cpu0", "cpu", ("erf",), ("x",), ("y",), ir.from_proto(erf()))
    program = CpuDevice(load_board("zcu104"), threads=1).prepare(region)
    made = program.run({"x": np.zeros((4, 6), np.float32)})["y"]
    assert not made.flags.owndata
    assert ort.OrtValue.ortvalue_from_numpy(made).data_ptr() == made.ctypes.data
