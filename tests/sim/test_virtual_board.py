"""The virtual board: unmodified pynq programs drive it, and hostile ones get an answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from weft.boards.errors import DeviceError, InputError, ToolError
from weft.hls.design import Design
from weft.sim import simulate
from weft.sim.image import pack
from weft.sim.overlay import Overlay, address_map
from weft.sim.timeline import write_trace
from weft.sim.virtual_board import VirtualBoard, is_loopback, serve

pytest.importorskip("pynq")
grpc = pytest.importorskip("grpc")

RunProgram = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).resolve().parents[2]

DRIVE = """
import json, sys
import numpy as np
from pynq import Clocks, Device, Overlay, allocate
overlay = Overlay(sys.argv[1])
raw = np.load("raw.npy")
x, y = allocate(raw.shape, "i2"), allocate((len(raw), 5), "i2")
x[:] = raw
network, dma = overlay.design_0, overlay.axi_dma_0
assert network.register_map.CTRL.AP_IDLE
steps = {
    "start": lambda: setattr(network.register_map.CTRL, "AP_START", 1),
    "send": lambda: dma.sendchannel.transfer(x),
    "receive": lambda: dma.recvchannel.transfer(y),
}
network.register_map.samples = len(raw)
for step in sys.argv[2:]:
    steps[step]()
dma.sendchannel.wait()
dma.recvchannel.wait()
assert dma.recvchannel.transferred == y.nbytes
assert network.register_map.CTRL.AP_DONE
np.save("got.npy", np.array(y))
print(json.dumps({"board": Device.active_device.name, "clock": Clocks.fclk0_mhz, "cpu": Clocks.cpu_mhz}))
"""


@pytest.fixture
def raw() -> NDArray[np.int64]:
    return np.random.default_rng(3).integers(-2000, 2000, (24, 16))


@pytest.mark.parametrize(
    ("board", "order", "says"),
    [
        ("pynq-z2", ["start", "send", "receive"], {"board": "Pynq-Z2", "clock": 100.0, "cpu": 650.0}),
        ("kv260", ["receive", "send", "start"], {"board": "KV260", "clock": 99.999, "cpu": 1333.32}),
    ],
)
def test_a_pynq_program(
    board: str,
    order: list[str],
    says: dict[str, Any],
    design: Design,
    raw: NDArray[np.int64],
    free_address: str,
    run_program: RunProgram,
    write_overlay: Callable[..., Path],
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "raw.npy", raw)
    bitstream = write_overlay([design], tmp_path, board)
    with VirtualBoard(board, host=free_address) as running:
        done = run_program("-c", DRIVE, bitstream, *order)
        assert done.returncode == 0, done.stderr
        assert running.elapsed_cycles == simulate(design, board).cycles(24)
        assert running.elapsed_s == pytest.approx(running.elapsed_cycles / says["clock"] / 1e6)
        write_trace(tmp_path / "trace.json", running.timeline)
    np.testing.assert_array_equal(np.load(tmp_path / "got.npy"), design.run(raw))
    assert json.loads(done.stdout.splitlines()[-1]) == says
    tracks = {row["args"]["name"] for row in _trace(tmp_path) if row["ph"] == "M"}
    assert tracks == {"design_0", "axi_dma_0 send", "axi_dma_0 receive"}


TWO_STREAMS = """
import numpy as np, sys
from pynq import Overlay, allocate
overlay = Overlay(sys.argv[1])
dmas = [overlay.axi_dma_0, overlay.axi_dma_1]
raw = np.load("raw.npy")
inputs, outputs = ([allocate(raw.shape[1:], "i2") for _ in dmas] for _ in range(2))
for buffer, values in zip(inputs, raw):
    buffer[:] = values
overlay.design_0.register_map.samples = raw.shape[1]
overlay.design_0.register_map.CTRL.AP_START = 1
for dma, source, target in zip(dmas, inputs, outputs):
    dma.sendchannel.transfer(source)
    dma.recvchannel.transfer(target)
for dma in dmas:
    dma.sendchannel.wait()
    dma.recvchannel.wait()
np.save("got.npy", np.array(outputs))
"""


def test_a_dma_for_each_further_stream(
    two_streams: Design, free_address: str, run_program: RunProgram, write_overlay: Callable[..., Path], tmp_path: Path
) -> None:
    raw = np.random.default_rng(5).integers(-9000, 9000, (2, 11, 6))
    np.save(tmp_path / "raw.npy", raw)
    bitstream = write_overlay([two_streams], tmp_path)
    with VirtualBoard("pynq-z2", host=free_address) as running:
        done = run_program("-c", TWO_STREAMS, bitstream)
        assert done.returncode == 0, done.stderr
        tracks = [event.track for event in running.timeline]
    results = two_streams.run([raw[0], raw[1]])
    assert isinstance(results, list)
    np.testing.assert_array_equal(np.load(tmp_path / "got.npy"), np.array(results))
    assert sorted(tracks) == ["axi_dma_0 receive", "axi_dma_0 send", "axi_dma_1 receive", "axi_dma_1 send", "design_0"]


TWO_DESIGNS = """
import numpy as np, sys
from pynq import Overlay, allocate
overlay = Overlay(sys.argv[1])
first, second = np.load("first.npy"), np.load("second.npy")
x, y = allocate(first.shape, "i2"), allocate((len(first), 5), "i2")
inputs, outputs = ([allocate(second.shape[1:], "i2") for _ in range(2)] for _ in range(2))
got = []
for _ in range(2):
    x[:] = first
    for buffer, values in zip(inputs, second):
        buffer[:] = values
    # Both are started before the program waits for either; the data of one comes between the other's streams.
    for network, samples in ((overlay.design_1, second.shape[1]), (overlay.design_0, len(first))):
        network.register_map.samples = samples
        network.register_map.CTRL.AP_START = 1
    overlay.axi_dma_1.sendchannel.transfer(inputs[0])
    overlay.axi_dma_0.sendchannel.transfer(x)
    overlay.axi_dma_0.recvchannel.transfer(y)
    for dma, target in zip((overlay.axi_dma_1, overlay.axi_dma_2), outputs):
        dma.recvchannel.transfer(target)
    overlay.axi_dma_2.sendchannel.transfer(inputs[1])
    for dma in (overlay.axi_dma_0, overlay.axi_dma_1, overlay.axi_dma_2):
        dma.sendchannel.wait()
        dma.recvchannel.wait()
    got.append([np.array(y), np.array(outputs)])
    first, second = first[::-1], second[:, ::-1]
for number, each in enumerate(got):
    np.savez(f"got{number}.npz", y=each[0], outputs=each[1])
"""


def test_a_pynq_program_drives_two_designs_of_one_bitstream(
    design: Design,
    two_streams: Design,
    raw: NDArray[np.int64],
    free_address: str,
    run_program: RunProgram,
    write_overlay: Callable[..., Path],
    tmp_path: Path,
) -> None:
    pairs = np.random.default_rng(5).integers(-9000, 9000, (2, 900, 6))
    np.save(tmp_path / "first.npy", raw)
    np.save(tmp_path / "second.npy", pairs)
    bitstream = write_overlay([design, two_streams], tmp_path)
    with VirtualBoard("pynq-z2", host=free_address) as running:
        done = run_program("-c", TWO_DESIGNS, bitstream)
        assert done.returncode == 0, done.stderr
        events, elapsed = running.timeline, running.elapsed_cycles
    for number, step in enumerate((1, -1)):
        got = np.load(tmp_path / f"got{number}.npz")
        np.testing.assert_array_equal(got["y"], design.run(raw[::step]))
        results = two_streams.run([pairs[0, ::step], pairs[1, ::step]])
        assert isinstance(results, list)
        np.testing.assert_array_equal(got["outputs"], np.array(results))
    runs = [event for event in events if event.track.startswith("design")]
    assert [event.track for event in runs] == ["design_0", "design_1"] * 2
    # In each turn both begin together, and the longer one says how long the turn takes.
    assert runs[0].start_us == runs[1].start_us == 0
    assert runs[2].start_us == runs[3].start_us == pytest.approx(max(run.duration_us for run in runs[:2]))
    assert elapsed == 2 * max(simulate(design, "pynq-z2").cycles(24), simulate(two_streams, "pynq-z2").cycles(900))


def _trace(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "trace.json").read_text())["traceEvents"])


REFUSED = """
import sys
from pynq import Overlay
try:
    Overlay(sys.argv[1])
except Exception as error:
    print(error.details())
"""


def test_a_program_is_told_why_its_bitstream_was_refused(
    design: Design, free_address: str, run_program: RunProgram, write_overlay: Callable[..., Path], tmp_path: Path
) -> None:
    good = write_overlay([design], tmp_path)
    bad = tmp_path / "bad.bin"
    bad.write_bytes(good.read_bytes()[:-1])
    bad.with_suffix(".hwh").write_text(good.with_suffix(".hwh").read_text())
    with VirtualBoard("pynq-z2", host=free_address):
        done = run_program("-c", REFUSED, bad)
    assert done.stdout.splitlines()[-1].startswith("'bad.bin' was not loaded: a virtual image is damaged")


def test_bitstreams_lie_on_the_board_from_the_start(design: Design, tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(pack([design], "pynq-z2", 10.0))
    with VirtualBoard("pynq-z2", tmp_path, port=0) as running, Remote(running.port) as remote:
        assert remote.call("RemoteDevice", "existsfile", file_path="/lib/firmware/net.bin").exists
        remote.write_file("/sys/class/fpga_manager/fpga0/firmware", b"net.bin")
        assert remote.read_file("/sys/class/fpga_manager/fpga0/state") == b"operating\n"


# ---------------------------------------------------------------- remote procedures, one by one


class Remote:
    """PYNQ.remote's stubs, as pynq makes them."""

    def __init__(self, port: int) -> None:
        from pynq.remote import (
            buffer_pb2,
            buffer_pb2_grpc,
            gpio_pb2,
            gpio_pb2_grpc,
            mmio_pb2,
            mmio_pb2_grpc,
            remote_device_pb2,
            remote_device_pb2_grpc,
            xrfclk_pb2,
            xrfclk_pb2_grpc,
            xrfdc_pb2,
            xrfdc_pb2_grpc,
        )

        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._services = {
            "RemoteDevice": (remote_device_pb2, remote_device_pb2_grpc.RemoteDeviceStub(self.channel)),
            "Mmio": (mmio_pb2, mmio_pb2_grpc.MmioStub(self.channel)),
            "RemoteBuffer": (buffer_pb2, buffer_pb2_grpc.RemoteBufferStub(self.channel)),
            "Gpio": (gpio_pb2, gpio_pb2_grpc.GpioStub(self.channel)),
            "Xrfclk": (xrfclk_pb2, xrfclk_pb2_grpc.XrfclkStub(self.channel)),
            "Xrfdc": (xrfdc_pb2, xrfdc_pb2_grpc.XrfdcStub(self.channel)),
        }

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()

    def methods(self, service: str) -> list[Any]:
        (described,) = self._services[service][0].DESCRIPTOR.services_by_name.values()
        return list(described.methods)

    def request(self, service: str, method: str, **fields: Any) -> Any:
        kind = next(each for each in self.methods(service) if each.name == method).input_type.name
        return getattr(self._services[service][0], kind)(**fields)

    def call(self, service: str, method: str, *pieces: dict[str, Any], **fields: Any) -> Any:
        """The reply, or the list of them where a procedure streams; several `pieces` are streamed to it."""
        described = next(each for each in self.methods(service) if each.name == method)
        requests = [self.request(service, method, **piece) for piece in pieces or (fields,)]
        reply = getattr(self._services[service][1], method)(
            iter(requests) if described.client_streaming else requests[0], timeout=20
        )
        return list(reply) if described.server_streaming else reply

    def write_file(self, path: str, data: bytes) -> None:
        self.call("RemoteDevice", "writefile", file_path=path, data=data)

    def read_file(self, path: str) -> bytes:
        return b"".join(reply.data for reply in self.call("RemoteDevice", "readfile", file_path=path))

    def refused(self, service: str, method: str, *pieces: dict[str, Any], **fields: Any) -> tuple[str, str]:
        """Name of the status and its sentence."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(service, method, *pieces, **fields)
        return caught.value.code().name, caught.value.details()

    def mapped(self, address: int, length: int) -> str:
        return str(self.call("Mmio", "get_mmio", base_addr=address, length=length).mmio_id)


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard("pynq-z2", port=0) as running:
        yield running


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
def test_no_request_breaks_the_board(data: st.DataObject) -> None:
    """Any fields at all: an answer or a refusal with a sentence, never gRPC's own report of an exception."""
    running = _shared_board()
    with Remote(running.port) as remote:
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


_RUNNING: list[VirtualBoard] = []


def _shared_board() -> VirtualBoard:
    """One board for all of hypothesis's examples."""
    if not _RUNNING:
        _RUNNING.append(VirtualBoard("pynq-z2", port=0))
        _RUNNING[0].start()
    return _RUNNING[0]


@pytest.fixture(autouse=True, scope="module")
def _stop_shared_board() -> Iterator[None]:
    yield
    while _RUNNING:
        _RUNNING.pop().stop()


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


# ---------------------------------------------------------------- starting and stopping


def test_without_pynq_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(ToolError, match=r"pip install 'weft\[pynq\]'"):
        VirtualBoard("pynq-z2", port=0).start()


def test_a_port_in_use_is_named() -> None:
    with VirtualBoard("pynq-z2", port=0) as first:
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{first.port} .*in use"):
            VirtualBoard("pynq-z2", port=first.port).start()
        port = first.port
    with VirtualBoard("pynq-z2", port=port) as second:  # free again at once
        assert second.port == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match="in use"):
            VirtualBoard("pynq-z2", port=other.getsockname()[1]).start()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("", 0), ("192.0.2.1", 0)])
def test_an_address_that_cannot_be_bound(host: str, port: int) -> None:
    with pytest.raises(InputError, match="cannot listen at"):
        VirtualBoard("pynq-z2", host=host, port=port).start()


def test_a_board_listens_only_where_it_was_told(board: VirtualBoard) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.99", board.port), timeout=2)


def test_starting_and_stopping_twice() -> None:
    board = VirtualBoard("pynq-z2", port=0)
    with pytest.raises(DeviceError, match="is not running"):
        _ = board.port
    board.start()
    port = board.port
    board.start()
    assert board.port == port
    board.stop()
    board.stop()


def test_a_card_is_no_pynq_board() -> None:
    with pytest.raises(InputError, match="alveo-u50 has no processing system"):
        VirtualBoard("alveo-u50")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_until_a_signal(number: signal.Signals) -> None:
    code = "from weft.sim.virtual_board import serve; serve('pynq-z2', port=0)"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("virtual TUL PYNQ-Z2 at 127.0.0.1:")
        with Remote(int(line.partition("127.0.0.1:")[2].partition(",")[0])) as remote:
            assert remote.read_file("/proc/device-tree/chosen/pynq_board") == b"Pynq-Z2\0"
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest, errors) == (0, "stopped\n", "")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_what_is_reached_from_this_machine_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_serving_to_everyone_says_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    serve("pynq-z2", "0.0.0.0", port=0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("virtual TUL PYNQ-Z2 at 0.0.0.0:")
    assert "PYNQ.remote has no authentication" in lines[1]
    assert lines[2:] == ["stopped"]


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
