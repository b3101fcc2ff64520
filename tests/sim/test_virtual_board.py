"""The virtual board: unmodified pynq programs drive it; it starts, stops and listens where it was told."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weft.boards.errors import DeviceError, InputError, ToolError
from weft.hls.design import Design
from weft.sim import simulate
from weft.sim.image import pack
from weft.sim.timeline import write_trace
from weft.sim.virtual_board import VirtualBoard, is_loopback, serve

pytest.importorskip("pynq")
pytest.importorskip("grpc")

from remote import Remote

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


def test_a_board_listens_only_where_it_was_told() -> None:
    with VirtualBoard("pynq-z2", port=0) as board, pytest.raises(ConnectionRefusedError):
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
