"""The Alveo device, emulated on PoCL: real buffers, queue and arguments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from small_designs import dense_design

pytest.importorskip("pyopencl")

from weft.boards import load_board
from weft.boards.errors import DeviceError, InputError
from weft.host.device import Region
from weft.host.devices.names import kind
from weft.host.devices.xrt import XrtDevice, XrtProgram
from weft.host.streams import pack

BOARD = load_board("alveo-u50")
DESIGN = dense_design()


def region() -> Region:
    model = ir.Model(ir.Graph([], [], nodes=[]), ir_version=10)
    return Region("fpga0", "xrt", (), ("x",), ("y",), model, design=DESIGN)


@pytest.fixture
def program() -> XrtProgram:
    return XrtDevice("xrt@emulation", BOARD).prepare(region())


@pytest.mark.parametrize("samples", [1, 3, 1000, 2])
def test_outputs_are_the_designs(program: XrtProgram, samples: int) -> None:
    x = np.random.default_rng(samples).normal(0, 2, (samples, 4)).astype(np.float32)
    outputs = program.run({"x": x})
    target = DESIGN.tensors["relu_2"]
    np.testing.assert_array_equal(
        outputs["y"], target.type.to_float(np.asarray(DESIGN.run(pack(x, DESIGN.tensors["input_0"]))))
    )
    assert outputs["y"].dtype == np.float32


def test_batches_of_any_size_and_strided_inputs(program: XrtProgram) -> None:
    x = np.random.default_rng(0).normal(0, 2, (64, 8)).astype(np.float32)
    whole = program.run({"x": np.ascontiguousarray(x[:, ::2])})["y"]
    np.testing.assert_array_equal(program.run({"x": x[:, ::2]})["y"], whole)
    np.testing.assert_array_equal(program.run({"x": x[:5, ::2]})["y"], whole[:5])
    assert program.run({"x": x[:0, ::2]})["y"].shape == (0, 3)


def test_cycles_and_bytes(program: XrtProgram) -> None:
    assert program.cycles(0) == 0
    assert program.cycles(11) - program.cycles(1) == 10 * (program.cycles(2) - program.cycles(1)) > 0
    assert program.bytes_moved(10) == 10 * (4 * 1 + 3 * 2)  # an unsigned byte travels in two


def test_a_closed_program_says_so_and_closes_twice(program: XrtProgram) -> None:
    program.close()
    program.close()
    with pytest.raises(DeviceError, match="region 'fpga0' was closed"):
        program.run({"x": np.zeros((1, 4), np.float32)})


def test_two_programs_run_at_once(program: XrtProgram) -> None:
    other = XrtDevice("xrt@emulation", BOARD).prepare(region())
    x = np.ones((4, 4), np.float32)
    np.testing.assert_array_equal(program.run({"x": x})["y"], other.run({"x": x})["y"])


def test_kernels_of_one_xclbin_have_names_of_their_own() -> None:
    device, other = XrtDevice("xrt@emulation", BOARD), dense_design(4, 6, "net_other")
    shared = [region(), replace(region(), name="fpga1", design=other)]
    one, two = (device.prepare(each, None, shared) for each in shared)
    x = np.random.default_rng(1).normal(0, 2, (9, 4)).astype(np.float32)
    for program, design in ((two, other), (one, DESIGN), (two, other)):
        exact = np.asarray(design.run(pack(x, design.tensors["input_0"])))
        np.testing.assert_array_equal(program.run({"x": x})["y"], design.tensors["relu_2"].type.to_float(exact))
    kernels = [program._kernel for program in (one, two)]
    assert [kernel._kernel.function_name for kernel in kernels] == ["weft_kernel", "weft_kernel1"]  # type: ignore[attr-defined]


def test_without_a_card_the_platform_is_named() -> None:
    with pytest.raises(DeviceError, match="no OpenCL platform of Xilinx: install XRT, or try xrt@emulation"):
        XrtDevice("xrt", BOARD).prepare(region(), Path("net.xclbin"))


@pytest.mark.parametrize("call", ["get_platforms", "Context", "Program", "CommandQueue"])
def test_what_the_driver_raises_is_a_device_error(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyopencl

    def fails(*_: Any) -> None:
        raise pyopencl.RuntimeError(f"{call} failed: OUT_OF_HOST_MEMORY")

    monkeypatch.setattr(pyopencl, call, fails)
    with pytest.raises(DeviceError, match=f"xrt@emulation refused the kernel of region .*{call} failed"):
        XrtDevice("xrt@emulation", BOARD).prepare(region())


def test_names_and_boards_are_checked() -> None:
    with pytest.raises(InputError, match="device 'xrt@card' does not exist"):
        kind("xrt@card")
    with pytest.raises(InputError, match="board pynq-z2 is no Alveo card"):
        XrtDevice("xrt", load_board("pynq-z2"))
