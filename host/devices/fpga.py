"""The FPGA: a virtual board in this process, a PYNQ.remote board by address, or the board this program runs on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError
from weft.hls.design import Design, Io
from weft.hls.lower import supports
from weft.host.device import Arrays, Cost, Region, samples_in
from weft.host.devices.names import address
from weft.host.overlay import LoadedOverlay, connect_local, connect_remote
from weft.host.streams import ends, pack, unpack
from weft.sim import Report, estimate
from weft.sim.hwh import write_hwh
from weft.sim.image import pack as pack_image

_PATIENCE_S = 60.0  # beyond this and a hundred times the predicted time, a silent board counts as hung


class FpgaDevice:
    """One board with one design at a time. Nothing is connected before the first region is prepared."""

    def __init__(self, name: str, board: Board, io: Io = "io_stream") -> None:
        self.name = name
        self._board = board
        self._io: Io = io
        self._open = ExitStack()
        self._connected: Any = None

    def supports(self, node: ir.Node) -> str:
        """An empty string if the node can become hls4ml firmware, otherwise the reason."""
        return supports(node, self._io)

    def estimate(self, region: Region) -> Cost:
        """Time and energy of one inference by the cycle model."""
        report = _report(region, self._board)
        return Cost(seconds=report.latency_us * 1e-6, energy_j=report.energy_uj * 1e-6)

    def prepare(self, region: Region, bitstream: Path | None = None) -> FpgaProgram:
        """Load the region's design. Without `bitstream` a virtual image of it is made in a temporary folder."""
        if region.design is None:
            raise DeviceError(f"region {region.name!r} was not lowered to an FPGA design")
        with ExitStack() as keep:
            if bitstream is None:
                folder = Path(keep.enter_context(tempfile.TemporaryDirectory(prefix="weft-")))
                bitstream = write_overlay(region.design, self._board, folder, region.name)
            if self._connected is None:
                self._connected = self._connect()
            overlay = LoadedOverlay(self._connected, bitstream, *ends(region.design))
            keep.callback(overlay.close)
            return FpgaProgram(region, overlay, _report(region, self._board), keep.pop_all().close)

    def _connect(self) -> Any:
        place = self.name.partition("@")[2]
        if place == "local":
            return connect_local()
        if place:
            return connect_remote(*address(self.name))
        from weft.sim.virtual_board import VirtualBoard

        board = self._open.enter_context(VirtualBoard(self._board, port=0))
        return connect_remote("127.0.0.1", board.port)

    def close(self) -> None:
        """Disconnect, and stop the virtual board if this device started one."""
        connected, self._connected = self._connected, None
        if connected is not None and hasattr(connected, "client"):
            connected.client.channel.close()
        self._open.close()


class FpgaProgram:
    """A region's design on a board."""

    def __init__(self, region: Region, overlay: LoadedOverlay, report: Report, release: Callable[[], None]) -> None:
        assert region.design is not None
        self._region, self._design, self._overlay, self._report = region, region.design, overlay, report
        self._release: Callable[[], None] | None = release

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name, float32, for floating-point inputs."""
        if self._release is None:
            raise DeviceError(f"region {self._region.name!r} was closed; make a new session")
        sources, targets = ends(self._design)
        packed = [pack(inputs[tensor.onnx_name], tensor) for tensor in sources]
        predicted_s = (self.cycles(samples_in(inputs)) or 0) * self._design.clock_ns * 1e-9
        raw = self._overlay.run(packed, _PATIENCE_S + 100 * predicted_s)
        return {tensor.onnx_name: unpack(values, tensor) for tensor, values in zip(targets, raw, strict=True)}

    def cycles(self, samples: int) -> int:
        """The first sample takes the latency, each further one the interval."""
        if samples == 0:
            return 0
        return self._report.latency_cycles.worst + (samples - 1) * self._report.interval_cycles.worst

    def bytes_moved(self, samples: int) -> int:
        """Bytes through the AXI DMAs, both ways."""
        sources, targets = ends(self._design)
        return samples * sum(tensor.stream_bytes for tensor in (*sources, *targets))

    def close(self) -> None:
        """Free the board's memory and the temporary image."""
        release, self._release = self._release, None
        if release is not None:
            release()


def write_overlay(design: Design, board: Board, folder: Path, name: str) -> Path:
    """Write `<name>-<12 digits>.bin` (a virtual image) and its `.hwh`; the digits come from the image's own bytes."""
    image = pack_image(design, board.name, design.clock_ns)
    path = folder / f"{name}-{sha256(image).hexdigest()[:12]}.bin"
    path.write_bytes(image)
    path.with_suffix(".hwh").write_text(write_hwh(design, board, design.clock_ns), encoding="utf-8")
    return path


def _report(region: Region, board: Board) -> Report:
    if region.report is not None:
        return region.report
    if region.design is None:
        raise DeviceError(f"region {region.name!r} was not lowered to an FPGA design")
    return estimate(region.design, board)


def open_device(name: str, board: Board, threads: int | None) -> FpgaDevice:
    """The device that `fpga` names; `threads` are the CPU's."""
    return FpgaDevice(name, board)


def check_place(name: str) -> None:
    """Raise InputError unless `local` or a PYNQ address follows the `@`."""
    if name.partition("@")[2] != "local":
        address(name)
