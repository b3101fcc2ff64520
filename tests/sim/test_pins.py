"""GPIO pins of the processing system."""

from __future__ import annotations

import pytest

from weft.boards import load_board
from weft.boards.errors import DeviceError
from weft.sim.pins import Pins


def test_pins_are_taken_driven_and_given_back() -> None:
    pins = Pins(load_board("pynq-z2"))
    led = pins.export(906 + 54, "out")
    assert pins.export(906 + 54, "out") == led
    assert (pins.is_exported(led), pins.read(led)) == (True, 0)
    pins.write(led, 1)
    assert pins.read(led) == 1
    button = pins.export(906 + 54, "in")  # the same pin, the other way round
    assert (pins.is_exported(led), pins.read(button)) == (False, 0)
    with pytest.raises(DeviceError, match="GPIO 960 cannot be driven to 1"):
        pins.write(button, 1)
    pins.release(button)
    for call in (pins.read, pins.release):
        with pytest.raises(DeviceError, match="there is no GPIO"):
            call(button)


@pytest.mark.parametrize(("board", "count"), [("pynq-z2", 118), ("kv260", 174)])
def test_the_chip_by_its_label(board: str, count: int) -> None:
    pins = Pins(load_board(board))
    assert pins.count == count
    path = f"/sys/class/gpio/gpiochip{1024 - count}"
    assert pins.base_path(None) == path
    assert pins.base_path("zynq_gpio" if board == "pynq-z2" else "zynqmp_gpio") == path
    assert pins.base_path("versal_gpio") == ""


@pytest.mark.parametrize(("pin", "direction"), [(905, "out"), (1024, "in"), (-1, "in"), (950, "both"), (950, "")])
def test_pins_that_are_not_there(pin: int, direction: str) -> None:
    with pytest.raises(DeviceError, match=r"there is no GPIO|direction is"):
        Pins(load_board("pynq-z2")).export(pin, direction)


def test_a_pin_takes_0_or_1() -> None:
    pins = Pins(load_board("pynq-z2"))
    led = pins.export(950, "out")
    with pytest.raises(DeviceError, match="cannot be driven to 2"):
        pins.write(led, 2)
