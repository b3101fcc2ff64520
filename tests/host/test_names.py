"""The strings that name devices."""

from __future__ import annotations

import pytest

from weft.boards.errors import InputError
from weft.host.devices.names import address, kind, parse_devices


def test_names_in_order_without_repeats() -> None:
    assert parse_devices(" fpga , cpu,cpu") == ("fpga", "cpu")
    assert parse_devices(("fpga@pynq://192.168.2.99", "cpu")) == ("fpga@pynq://192.168.2.99", "cpu")
    assert kind("fpga@local") == "fpga"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fpga@pynq://10.0.0.2", ("10.0.0.2", 7967)),
        ("fpga@pynq://board.local:5000", ("board.local", 5000)),
        ("fpga@pynq://[::1]:5000", ("[::1]", 5000)),
    ],
)
def test_addresses(name: str, expected: tuple[str, int]) -> None:
    assert address(name) == expected


@pytest.mark.parametrize(
    "names",
    [
        "",
        "gpu",
        "cpu@local",
        "fpga@nowhere",
        "fpga@pynq://",
        "fpga@pynq://a:b",
        "fpga@pynq://a:99999",
        "fpga,fpga@local",
    ],
)
def test_what_is_no_device(names: str) -> None:
    with pytest.raises(InputError):
        parse_devices(names)


@pytest.mark.parametrize("name", ["opencl", "xrt"])
def test_a_device_of_a_later_version_says_so(name: str) -> None:
    with pytest.raises(InputError, match="not available in this version"):
        kind(name)
