"""Costs add up; the devices fit the protocol; a real board is never given a virtual image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from weft.boards import load_board
from weft.boards.errors import ArtefactError
from weft.hls.design import Design, Tensor
from weft.hls.precision import FixedType
from weft.host.device import Cost, Device, samples_in
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice, write_overlay
from weft.host.pynq_board import refuse_virtual_image
from weft.sim.files import VIRTUAL_MARK


def test_costs_add_up() -> None:
    assert Cost(1.0, 2, 3.0) + Cost(0.5, 1) == Cost(1.5, 3, 3.0)


def test_batch_size_of_inputs() -> None:
    assert samples_in({"a": np.array(3.0), "b": np.zeros((5, 2))}) == 5
    assert samples_in({}) == 1


def test_devices_fit_the_protocol() -> None:
    board = load_board("pynq-z2")
    devices: list[Device] = [CpuDevice(board), FpgaDevice("fpga", board)]
    for device in devices:
        device.close()
        device.close()


@dataclass
class Answer:
    exists: bool


class RemoteBoard:
    """As much of a pynq device as the check asks for."""

    def __init__(self, remote: bool, marked: bool) -> None:
        self.remote, self.marked = remote, marked

    def has_capability(self, name: str) -> bool:
        return self.remote and name == "REMOTE"

    def exists_file(self, path: str) -> Answer:
        return Answer(self.marked and path == VIRTUAL_MARK)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    kind = FixedType(8, 4)
    ends = {"a": Tensor("a", (3,), kind, onnx_name="x"), "b": Tensor("b", (3,), kind, onnx_name="y")}
    design = Design("net", "io_stream", 10.0, "xc7z020clg400-1", (), ends, ("a",), ("b",))
    return write_overlay([design], load_board("pynq-z2"), tmp_path, "net")


@pytest.mark.parametrize(("remote", "marked"), [(False, False), (False, True), (True, False)])
def test_a_real_board_refuses_a_virtual_image(image: Path, remote: bool, marked: bool) -> None:
    with pytest.raises(ArtefactError, match=r"net-\w{12}\.bin is a virtual image"):
        refuse_virtual_image(RemoteBoard(remote, marked), image)


def test_a_virtual_board_takes_it_and_real_boards_take_bitstreams(image: Path, tmp_path: Path) -> None:
    refuse_virtual_image(RemoteBoard(remote=True, marked=True), image)
    real = tmp_path / "real.bin"
    real.write_bytes(bytes(range(256)) * 40)
    refuse_virtual_image(RemoteBoard(remote=False, marked=False), real)
