"""The virtual image: it comes back as it went in, and nothing else gets through."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_designs import dense_design

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import Design
from weft.sim.image import is_virtual, pack, unpack
from weft.sim.overlay import Overlay

IMAGE = pack([dense_design()], "pynq-z2", 10.0)


def image_of(header: Any, content: bytes = b"") -> bytes:
    """An image whose hash is right, whatever it holds."""
    rest = (header if isinstance(header, bytes) else json.dumps(header).encode()) + b"\n" + content
    return b"weft-virtual-image/1\n" + sha256(rest).hexdigest().encode() + b"\n" + rest


def test_round_trip(small: Design) -> None:
    image = unpack(IMAGE)
    assert (image.board_name, image.clock_ns, image.overlay.gpios) == ("pynq-z2", 10.0, ())
    raw = np.arange(8).reshape(2, 4)
    np.testing.assert_array_equal(image.overlay.designs[0].run(raw), small.run(raw))
    assert pack(image.overlay.designs, "pynq-z2", 10.0) == IMAGE


@given(st.lists(st.sampled_from([dense_design(), dense_design(2, 7, "wide"), dense_design(5, 1)]), max_size=8))
def test_designs_come_back_in_their_order(designs: list[Design]) -> None:
    data = pack(designs, "kv260", 4.0, ["leds"])
    image = unpack(data)
    assert [design.to_bytes() for design in image.overlay.designs] == [design.to_bytes() for design in designs]
    assert image.overlay.gpios == ("leds",)
    assert pack(image.overlay.designs, "kv260", 4.0, ["leds"]) == data


def test_an_image_of_one_design_is_as_it_was_before_there_could_be_more() -> None:
    """So that what was built before still loads."""
    assert image_of({"board": "pynq-z2", "clock_ns": 10.0, "gpios": []}, dense_design().to_bytes()) == IMAGE


def test_an_image_holds_eight_designs() -> None:
    with pytest.raises(InputError, match="at most 8 designs, and 9 are wanted"):
        pack([dense_design()] * 9, "pynq-z2", 10.0)


def test_an_overlay_without_a_network() -> None:
    image = unpack(pack([], "kv260", 3.5, ["leds", "buttons"]))
    assert (image.overlay, image.board_name, image.clock_ns) == (Overlay(gpios=("leds", "buttons")), "kv260", 3.5)


def test_an_image_of_a_lowered_network(design: Design) -> None:
    raw = np.random.default_rng(1).integers(-500, 500, (3, 16))
    np.testing.assert_array_equal(unpack(pack([design], "pynq-z2", 10.0)).overlay.designs[0].run(raw), design.run(raw))


def test_the_beginning_tells() -> None:
    assert is_virtual(IMAGE[:4096])
    assert not is_virtual(b"\xff" * 4096)
    assert not is_virtual(b"")


@given(st.integers(0, len(IMAGE) - 1), st.integers(1, 255))
def test_no_damaged_byte_gets_through(place: int, change: int) -> None:
    damaged = bytearray(IMAGE)
    damaged[place] ^= change
    with pytest.raises(ArtefactError, match=r"damaged|not a virtual image"):
        unpack(bytes(damaged))


@given(st.integers(0, len(IMAGE) - 1))
def test_no_truncated_image_gets_through(size: int) -> None:
    with pytest.raises(ArtefactError, match=r"damaged|not a virtual image"):
        unpack(IMAGE[:size])


GOOD = {"board": "pynq-z2", "clock_ns": 10, "gpios": []}


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (b"not json", "malformed"),
        (b"[" * 4000, "malformed"),
        (b" " * 5000, "too long"),
        ([], "other keys"),
        ({**GOOD, "more": 1}, "other keys"),
        ({**GOOD, "board": "../x"}, "not a board's name"),
        ({**GOOD, "board": 5}, "not a board's name"),
        ({**GOOD, "clock_ns": "fast"}, "not a period"),
        ({**GOOD, "clock_ns": True}, "not a period"),
        ({**GOOD, "clock_ns": -1}, "not a period"),
        ({**GOOD, "clock_ns": float("nan")}, "not a period"),
        ({**GOOD, "gpios": "leds"}, "not a list"),
        ({**GOOD, "gpios": [1]}, "cannot name a GPIO"),
        ({**GOOD, "gpios": ["a b"]}, "cannot name a GPIO"),
        ({**GOOD, "gpios": ["leds", "leds"]}, "cannot name a GPIO"),
        ({**GOOD, "gpios": [f"gpio{i}" for i in range(17)]}, "at most 16"),
        ({**GOOD, "sizes": 5}, "not a list of bytes"),
        ({**GOOD, "sizes": [1.0]}, "not a list of bytes"),
        ({**GOOD, "sizes": [True]}, "not a list of bytes"),
        ({**GOOD, "sizes": [0]}, "not a list of bytes"),
        ({**GOOD, "sizes": [-1, 1]}, "not a list of bytes"),
        ({**GOOD, "sizes": [1]}, "not those of its designs"),
        ({**GOOD, "sizes": [2**70]}, "not those of its designs"),
        ({**GOOD, "sizes": [1] * 9}, "9 designs, and 8 are allowed"),
    ],
)
def test_a_malformed_header_is_refused(header: Any, sentence: str) -> None:
    with pytest.raises(ArtefactError, match=sentence):
        unpack(image_of(header))


def test_a_design_is_checked_too() -> None:
    with pytest.raises(ArtefactError, match="not a packed design"):
        unpack(image_of(GOOD, b"something else"))


SEVERAL = [dense_design(), dense_design(2, 7, "wide")]


@given(st.integers(-10_000, 10_000).filter(bool))
def test_designs_are_cut_where_their_sizes_say(shift: int) -> None:
    parts = [design.to_bytes() for design in SEVERAL]
    sizes = [len(parts[0]) + shift, len(parts[1]) - shift]
    with pytest.raises(ArtefactError, match=r"not a packed design|not a list of bytes"):
        unpack(image_of({**GOOD, "sizes": sizes}, b"".join(parts)))


def test_a_gpio_cannot_take_the_networks_names() -> None:
    with pytest.raises(ArtefactError, match="cannot name a GPIO"):
        unpack(image_of({**GOOD, "gpios": ["axi_dma_0"]}, dense_design().to_bytes()))


def test_an_image_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.image.LARGEST_IMAGE", len(IMAGE) - 1)
    with pytest.raises(ArtefactError, match="too large"):
        unpack(IMAGE)
