"""The strings that name devices."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from weft.boards import load_board
from weft.boards.errors import InputError, ToolError
from weft.host.devices import names
from weft.host.devices.names import GROUP, address, kind, open_device, parse_devices


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
    "given",
    [
        "",
        "gpu",
        "cpu@local",
        "opencl@",
        "opencl@gpu",
        "fpga@nowhere",
        "fpga@pynq://",
        "fpga@pynq://a:b",
        "fpga@pynq://a:99999",
        "fpga,fpga@local",
    ],
)
def test_what_is_no_device(given: str) -> None:
    with pytest.raises(InputError):
        parse_devices(given)


def test_every_file_is_a_device() -> None:
    assert [kind(name) for name in ("cpu", "opencl@3", "fpga@local", "xrt@emulation")] == [
        "cpu",
        "opencl",
        "fpga",
        "xrt",
    ]
    with pytest.raises(InputError, match="use cpu, fpga, opencl, xrt"):
        kind("names")


class Entry(NamedTuple):
    """As much of an entry point as is asked for."""

    name: str
    value: str
    loaded: Any

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def install(loaded: Any) -> None:
        monkeypatch.setattr(names, "entry_points", lambda group: [Entry("abacus", "beads", loaded)] * (group == GROUP))

    return install


def test_a_third_partys_device(installed: Callable[[Any], None]) -> None:
    module = ModuleType("beads")
    module.open_device = lambda name, board, threads: (name, board.name, threads)  # type: ignore[attr-defined]
    installed(module)
    assert parse_devices("abacus,cpu") == ("abacus", "cpu")
    opened: Any = open_device("abacus", load_board("pynq-z2"), 3)
    assert opened == ("abacus", "pynq-z2", 3)
    with pytest.raises(InputError, match="nothing follows"):
        kind("abacus@home")
    module.check_place = lambda name: None  # type: ignore[attr-defined]
    assert kind("abacus@home") == "abacus"


@pytest.mark.parametrize("loaded", [ImportError("no beads"), ModuleType("beads"), object()])
def test_a_third_partys_device_that_is_none(installed: Callable[[Any], None], loaded: Any) -> None:
    installed(loaded)
    assert kind("abacus") == "abacus"
    with pytest.raises(ToolError, match=r"abacus.*beads"):
        open_device("abacus", load_board("pynq-z2"))
