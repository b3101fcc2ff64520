"""Each remote procedure: what it does, and what it answers where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.sim.image import pack
from weft.sim.overlay import Overlay, address_map
from weft.sim.virtual_board import VirtualBoard

pytest.importorskip("pynq")
grpc = pytest.importorskip("grpc")

from remote import Remote


@pytest.fixture
def remote(board: VirtualBoard) -> Iterator[Remote]:
    with Remote(board.port) as stubs:
        yield stubs


def test_files_in_pieces(remote: Remote) -> None:
    data = np.random.default_rng(0).bytes(3 * 2**20 + 5)
    pieces = [{"file_path": "/tmp/large", "data": data[i : i + 2**21]} for i in range(0, len(data), 2**21)]
    remote.call("RemoteDevice", "writefile", *pieces)
    assert remote.read_file("/tmp/large") == data
    assert remote.refused("RemoteDevice", "readfile", file_path="/tmp/none")[1].startswith("there is no file")
    assert "cannot be written" in remote.refused("RemoteDevice", "writefile", file_path="/etc/passwd", data=b"x")[1]
    two = ({"file_path": "/tmp/a", "data": b"1"}, {"file_path": "/tmp/b", "data": b"2"})
    assert "two paths" in remote.refused("RemoteDevice", "writefile", *two)[1]
    assert not remote.call("RemoteDevice", "existsfile", file_path="/tmp/a").exists


def test_a_message_is_bounded(remote: Remote) -> None:
    status, _ = remote.refused("RemoteDevice", "writefile", file_path="/tmp/x", data=bytes(5 << 20))
    assert status == "RESOURCE_EXHAUSTED"
    assert not remote.call("RemoteDevice", "existsfile", file_path="/tmp/x").exists


def test_a_bitstream_without_a_file(remote: Remote) -> None:
    data = pack([], "pynq-z2", 10.0, ["leds"])
    assert remote.call("RemoteDevice", "download", {"buffer": data[:50]}, {"buffer": data[50:]}).status
    leds = address_map(Overlay(gpios=("leds",)), "zynq7")["leds"]
    mapping = remote.mapped(leds, 16)
    assert remote.call("Mmio", "write", mmio_id=mapping, offset=0, data=b"\x05\0\0\0").status
    assert remote.call("Mmio", "read", mmio_id=mapping, offset=0, length=4).data == 5
    status, text = remote.refused("RemoteDevice", "download", {"buffer": data[:50]})
    assert (status, "damaged" in text) == ("INVALID_ARGUMENT", True)
    assert remote.call("Mmio", "read", mmio_id=mapping, offset=0, length=4).data == 5


def test_attributes_clocks_and_shutdown(remote: Remote) -> None:
    assert remote.call("RemoteDevice", "set_bitstream_attrs", binfile_name="x.bin", partial=False).status
    assert not remote.call("RemoteDevice", "set_bitstream_attrs", binfile_name="x.bin", partial=True).status
    assert remote.call("RemoteDevice", "shutdown").status
    clock = remote.mapped(0xF800_0170, 4)
    for fields, divisors in (({"div0": 4, "div1": 5}, (4, 5)), ({"clk_mhz": 125}, (1, 8)), ({"clk_mhz": 100}, (1, 10))):
        assert remote.call("RemoteDevice", "set_pl_clk", i=0, **fields).status
        word = remote.call("Mmio", "read", mmio_id=clock, offset=0, length=4).data
        assert (word >> 8 & 63) * (word >> 20 & 63) == divisors[0] * divisors[1]
    assert "no fabric clock 4" in remote.refused("RemoteDevice", "set_pl_clk", i=4, clk_mhz=100)[1]
    assert "1 to 63" in remote.refused("RemoteDevice", "set_pl_clk", i=0, div0=64, div1=1)[1]
    assert "1 to 63" in remote.refused("RemoteDevice", "set_pl_clk", i=0)[1]


def test_registers(remote: Remote) -> None:
    mapping = remote.mapped(0xF800_0000, 0x200)
    assert remote.call("Mmio", "write", mmio_id=mapping, offset=0, data=bytes(range(1, 9))).status
    for length, value in ((1, 1), (2, 0x0201), (4, 0x0403_0201)):
        assert remote.call("Mmio", "read", mmio_id=mapping, offset=0, length=length).data == value
    assert remote.call("Mmio", "read", mmio_id=mapping, offset=4, length=4).data == 0x0807_0605


@pytest.mark.parametrize(
    ("method", "fields", "sentence"),
    [
        ("get_mmio", {"base_addr": 0, "length": 4}, "no registers"),
        ("get_mmio", {"base_addr": 2**64 - 1, "length": 2**64 - 1}, "no registers"),
        ("read", {"mmio_id": "nonsense", "length": 4}, "there is no mapping"),
        ("read", {"mmio_id": "0+ffffffffffffffff", "length": 4}, "no registers"),
        ("read", {"mmio_id": "f8000000+10", "length": 8}, "do not fit"),
        ("read", {"mmio_id": "f8000000+10", "length": 4, "offset": 0x10}, "unaligned or outside"),
        ("read", {"mmio_id": "f8000000+10", "length": 4, "offset": 2**64 - 4}, "unaligned or outside"),
        ("read", {"mmio_id": "f8000000+10", "length": 2, "offset": 2}, "unaligned or outside"),
        ("read", {"mmio_id": "40000000+10", "length": 4}, "nothing answers"),
        ("write", {"mmio_id": "f8000000+10", "data": b""}, "whole words"),
        ("write", {"mmio_id": "f8000000+10", "data": b"123"}, "whole words"),
        ("write", {"mmio_id": "f8000000+10", "data": bytes(20)}, "unaligned or outside"),
        ("write", {"mmio_id": "f8000000+1000", "data": bytes(2**17)}, "whole words"),
    ],
)
def test_bad_register_accesses_are_answered(remote: Remote, method: str, fields: dict[str, Any], sentence: str) -> None:
    reply = remote.call("Mmio", method, **fields)
    assert not reply.status
    assert sentence in reply.msg
    assert "\n" not in reply.msg


def test_buffers(remote: Remote) -> None:
    data = np.random.default_rng(1).bytes(3 * 2**20)
    one, two = (str(remote.call("RemoteBuffer", "allocate", size=len(data)).buffer_id) for _ in range(2))
    assert one != two
    pieces = [{"buffer_id": one, "data": data[i : i + 2**21]} for i in range(0, len(data), 2**21)]
    assert not remote.call("RemoteBuffer", "write", *pieces).msg
    assert b"".join(reply.data for reply in remote.call("RemoteBuffer", "read", buffer_id=one)) == data
    (part,) = remote.call("RemoteBuffer", "read", buffer_id=one, start=10, end=20)
    assert part.data == data[10:20]
    assert not remote.call("RemoteBuffer", "write", buffer_id=one, data=b"abc", start=5, end=8).msg
    assert remote.call("RemoteBuffer", "read", buffer_id=one, start=4, end=9)[0].data == data[4:5] + b"abc" + data[8:9]
    addresses = [remote.call("RemoteBuffer", "physical_address", buffer_id=each).address for each in (one, two)]
    assert abs(addresses[0] - addresses[1]) >= len(data)
    assert remote.call("RemoteBuffer", "virtual_address", buffer_id=one).address == addresses[0]
    assert not remote.call("RemoteBuffer", "cacheable", buffer_id=one).cacheable
    for each in (one, two):
        for method in ("flush", "invalidate", "freebuffer"):
            assert not remote.call("RemoteBuffer", method, buffer_id=each).msg


def test_bad_buffer_accesses_are_answered(remote: Remote) -> None:
    buffer = str(remote.call("RemoteBuffer", "allocate", size=16).buffer_id)
    for fields in ({"data": bytes(17)}, {"data": b"x", "start": 16}, {"data": b"x", "start": -1, "end": 1}):
        assert "do not fit" in remote.call("RemoteBuffer", "write", buffer_id=buffer, **fields).msg
    for start, end in ((-1, 5), (5, 4), (0, 17), (-5, -1)):
        assert (
            "are not in a buffer" in remote.refused("RemoteBuffer", "read", buffer_id=buffer, start=start, end=end)[1]
        )
    assert not remote.call("RemoteBuffer", "freebuffer", buffer_id=buffer).msg
    for method in ("freebuffer", "flush", "invalidate", "physical_address", "virtual_address", "write", "cacheable"):
        assert "there is no buffer" in remote.call("RemoteBuffer", method, buffer_id=buffer).msg
    assert "there is no buffer" in remote.refused("RemoteBuffer", "read", buffer_id=buffer)[1]
    status, text = remote.refused("RemoteBuffer", "allocate", size=2**31 - 1)  # pynq ignores an answer's msg here
    assert (status, "contiguous memory" in text) == ("FAILED_PRECONDITION", True)


def test_gpio(remote: Remote) -> None:
    pin = str(remote.call("Gpio", "get_gpio", index=960, direction="out").gpio_id)
    remote.call("Gpio", "write", gpio_id=pin, value=1)
    assert remote.call("Gpio", "read", gpio_id=pin).value == 1
    assert remote.call("Gpio", "is_exported", gpio_id=pin).is_exported
    remote.call("Gpio", "unexport", gpio_id=pin)
    assert not remote.call("Gpio", "is_exported", gpio_id=pin).is_exported
    assert "there is no GPIO" in remote.refused("Gpio", "read", gpio_id=pin)[1]
    assert remote.call("Gpio", "get_gpio_base_path").base_path == "/sys/class/gpio/gpiochip906"
    assert remote.call("Gpio", "get_gpio_npins", target_label="zynq_gpio").npins == 118
    assert remote.call("Gpio", "get_gpio_base_path", target_label="other").base_path == ""
    assert remote.call("Gpio", "get_gpio_npins", target_label="other").npins == 0


def test_what_no_virtual_board_has_says_so(remote: Remote) -> None:
    for service, count in (("Xrfclk", 5), ("Xrfdc", 77)):
        methods = remote.methods(service)
        assert len(methods) == count
        for method in (methods[0], methods[-1]):
            status, text = remote.refused(service, method.name)
            assert status == "UNIMPLEMENTED"
            assert text == f"{method.full_name} is not there: a virtual pynq-z2 has no RF clocks or data converters"


TEXT = st.text(max_size=30) | st.sampled_from(["/tmp/x", "/lib/firmware/x", "f8000000+200", "40400000+1000"])
NUMBER = st.integers(0, 2**64 - 1) | st.integers(0, 70)
SMALL = st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 70)
VALUES = {4: NUMBER, 5: SMALL, 8: st.booleans(), 9: TEXT, 12: st.binary(max_size=40), 13: st.integers(0, 2**32 - 1)}


@given(st.data())
@settings(max_examples=150)
def test_no_request_breaks_the_board(besieged: VirtualBoard, data: st.DataObject) -> None:
    """Any fields at all: an answer or a refusal with a sentence, never gRPC's own report of an exception."""
    with Remote(besieged.port) as remote:
        service = data.draw(st.sampled_from(["RemoteDevice", "Mmio", "RemoteBuffer", "Gpio"]))
        method = data.draw(st.sampled_from(remote.methods(service)))
        pieces = data.draw(
            st.lists(
                st.fixed_dictionaries({}, optional={f.name: VALUES[f.type] for f in method.input_type.fields}),
                min_size=1,
                max_size=3 if method.client_streaming else 1,
            )
        )
        try:
            remote.call(service, method.name, *pieces)
        except grpc.RpcError as error:
            assert error.code().name in {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}, error
        assert remote.read_file("/proc/device-tree/chosen/pynq_board") == b"Pynq-Z2\0"


def test_programs_at_the_same_time(board: VirtualBoard) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> bool:
        with Remote(board.port) as remote:
            buffer = str(remote.call("RemoteBuffer", "allocate", size=4096).buffer_id)
            for turn in range(20):
                remote.call("RemoteBuffer", "write", buffer_id=buffer, data=bytes([number * 20 + turn]) * 4096)
                (reply,) = remote.call("RemoteBuffer", "read", buffer_id=buffer)
                if set(reply.data) != {number * 20 + turn}:
                    return False
            return not remote.call("RemoteBuffer", "freebuffer", buffer_id=buffer).msg

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_bytes_that_are_no_message_are_refused(board: VirtualBoard, capfd: pytest.CaptureFixture[str]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{board.port}") as channel:
        assert b"malformed" in channel.unary_unary("/mmio.Mmio/read")(b"\xff\xff", timeout=20)  # the reply's `msg`
        with pytest.raises(grpc.RpcError, match="malformed") as caught:
            list(channel.unary_stream("/remote_device.RemoteDevice/readfile")(b"\xff\xff", timeout=20))
        assert caught.value.code().name == "INVALID_ARGUMENT"
        assert b"malformed" in channel.stream_unary("/buffer.RemoteBuffer/write")(iter([b"\xff\xff"]), timeout=20)
    assert "Traceback" not in capfd.readouterr().err


def test_identifiers_cannot_be_guessed(remote: Remote) -> None:
    identifiers = [str(remote.call("RemoteBuffer", "allocate", size=1).buffer_id) for _ in range(3)]
    assert all(len(set(pair)) == 2 for pair in pairwise(identifiers))
    assert all(len(each) == 32 for each in identifiers)
    for each in identifiers:
        remote.call("RemoteBuffer", "freebuffer", buffer_id=each)
