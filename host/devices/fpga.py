"""The FPGA: a virtual board in this process, a PYNQ.remote board by address, or the board this program runs on."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError
from weft.hls.design import Design, Io
from weft.hls.files import hash_file
from weft.hls.lower import supports
from weft.host.board_claim import Claim, board_claim
from weft.host.board_lock import board_lock
from weft.host.device import Arrays, Cost, Region, design_report, number_in, samples_in
from weft.host.devices.names import address
from weft.host.overlay import LoadedOverlay
from weft.host.pynq_board import connect_local, connect_remote
from weft.host.streams import ends, pack, stream_bytes, unpack
from weft.sim import Report
from weft.sim.virtual_image import virtual_image

_PATIENCE_S = 60.0  # beyond this and a hundred times the predicted time, a silent board counts as hung


class FpgaDevice:
    """One board, with one bitstream in its fabric at a time. Nothing is connected before the first region is prepared.

    A bitstream stays loaded, and its buffers allocated, while programs with the same bytes run; a run of a design in
    another one reconfigures the fabric, and a run after a failure loads its bitstream anew. Programs may run in several
    threads, one after the other.
    """

    def __init__(self, name: str, board: Board, io: Io = "io_stream") -> None:
        self.name = name
        self._board = board
        self._io: Io = io
        self._lock = threading.RLock()
        self._open = ExitStack()
        self._connected: Any = None
        self._claim: Claim | None = None  # to a board that other machines reach as well
        self._folder: Path | None = None
        self._loaded: tuple[str, LoadedOverlay] | None = None  # hash of the bitstream, and what runs it
        self._programs: Counter[tuple[str, int]] = Counter()  # open ones by bitstream's hash and design's number

    def supports(self, node: ir.Node) -> str:
        """An empty string if the node can become hls4ml firmware, otherwise the reason."""
        return supports(node, self._io)

    def estimate(self, region: Region) -> Cost:
        """Time and energy of one inference by the cycle model."""
        report = design_report(region, self._board)
        return Cost(seconds=report.latency_us * 1e-6, energy_j=report.energy_uj * 1e-6)

    def prepare(self, region: Region, bitstream: Path | None = None, together: Sequence[Region] = ()) -> FpgaProgram:
        """Load the region's design, and with it those of all regions of its bitstream.

        `together` are the regions that share the bitstream, `region` among them, in the order of their designs in it;
        by default it is `region`'s alone. Without `bitstream` a virtual image is made in a temporary folder.

        Raises DeviceError where the board cannot be reached, is held by another program, or does not take the image.
        """
        shared = tuple(together) or (region,)
        designs = tuple(_design(each) for each in shared)
        number = number_in(region, shared)
        report = design_report(region, self._board)
        with self._lock:
            if bitstream is None:
                bitstream = write_overlay(designs, self._board, self._image_folder(), shared[0].name)
            program = FpgaProgram(self, region.name, Loadable(bitstream, hash_file(bitstream), designs), number, report)
            self._load(program.bitstream)
            self._programs[program.key] += 1
        return program

    def _image_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="weft-")))
        return self._folder

    def _load(self, bitstream: Loadable) -> LoadedOverlay:
        """The bitstream, ready to run: what is in the fabric if it is that, otherwise loaded now."""
        if self._loaded is None or self._loaded[0] != bitstream.hash:
            if self._connected is None:
                self._connected = self._connect()
            if self._loaded is not None:
                self._loaded[1].close()
                self._loaded = None
            self._loaded = bitstream.hash, LoadedOverlay(self._connected, bitstream.path, bitstream.designs)
        return self._loaded[1]

    def run(self, program: FpgaProgram, inputs: Sequence[NDArray[Any]], timeout_s: float) -> list[NDArray[Any]]:
        """Run packed samples through a program's design. Raises DeviceError where the board fails or is silent."""
        with self._lock:
            self._keep_board()
            overlay = self._load(program.bitstream)
            try:
                return overlay.run(program.number, inputs, timeout_s)
            except BaseException:  # an interrupt too leaves transfers behind
                self._loaded = None
                overlay.abandon()
                raise

    def _keep_board(self) -> None:
        """Renew the claim to the board; where that was lost, so is what was loaded."""
        kept = False
        try:
            kept = self._claim is None or self._claim.renew()
        finally:
            if not kept and self._loaded is not None:
                loaded, self._loaded = self._loaded, None
                loaded[1].close()

    def release(self, program: FpgaProgram) -> None:
        """Free a design's buffers on the board when its last program closes."""
        with self._lock:
            self._programs[program.key] -= 1
            loaded = self._loaded
            if not self._programs[program.key] and loaded is not None and loaded[0] == program.bitstream.hash:
                loaded[1].free(program.number)

    def _connect(self) -> Any:
        place = self.name.partition("@")[2]
        with ExitStack() as keep:
            if place == "local":
                keep.enter_context(board_lock("local"))
                connected = connect_local()
            else:
                host, port = address(self.name) if place else self._own_board(keep)
                lock = keep.enter_context(board_lock(f"{host}:{port}")) if place else None
                connected = connect_remote(host, port)
                keep.callback(connected.client.channel.close)
                if lock is not None:
                    claim = board_claim(connected.client.channel, f"{host}:{port}", lock)
                    self._claim = keep.enter_context(claim)
            self._open.push(keep.pop_all())
        return connected

    def _own_board(self, keep: ExitStack) -> tuple[str, int]:
        from weft.sim.virtual_board import VirtualBoard

        return "127.0.0.1", keep.enter_context(VirtualBoard(self._board, port=0)).port

    def close(self) -> None:
        """Disconnect, and stop the virtual board if this device started one; a second call does nothing."""
        with self._lock, self._open:  # what is open is closed last, and also where the user interrupts
            loaded, self._loaded, self._connected, self._claim, self._folder = self._loaded, None, None, None, None
            if loaded is not None:
                loaded[1].close()


@dataclass(frozen=True)
class Loadable:
    """A bitstream's file, the hash of that, and the designs in it."""

    path: Path
    hash: str
    designs: tuple[Design, ...]


class FpgaProgram:
    """A region's design on a board: design `number` of `bitstream`."""

    def __init__(self, device: FpgaDevice, region: str, bitstream: Loadable, number: int, report: Report) -> None:
        self.bitstream, self.number = bitstream, number
        self.design = bitstream.designs[number]
        self._region, self._report = region, report
        self._device: FpgaDevice | None = device

    @property
    def key(self) -> tuple[str, int]:
        """What programs of one design in one bitstream have in common."""
        return self.bitstream.hash, self.number

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name, float32, for floating-point inputs. Raises DeviceError where the board fails."""
        if self._device is None:
            raise DeviceError(f"region {self._region!r} was closed; make a new session")
        sources, targets = ends(self.design)
        packed = [pack(inputs[tensor.onnx_name], tensor) for tensor in sources]
        predicted_s = (self.cycles(samples_in(inputs)) or 0) * self.design.clock_ns * 1e-9
        raw = self._device.run(self, packed, _PATIENCE_S + 100 * predicted_s)
        return {tensor.onnx_name: unpack(values, tensor) for tensor, values in zip(targets, raw, strict=True)}

    def cycles(self, samples: int) -> int:
        """The first sample takes the latency, each further one the interval."""
        return self._report.cycles(samples)

    def bytes_moved(self, samples: int) -> int:
        """Bytes through the AXI DMAs, both ways."""
        return stream_bytes(self.design, samples)

    def close(self) -> None:
        """Free the board's memory, unless another program of this design is open."""
        device, self._device = self._device, None
        if device is not None:
            device.release(self)


def write_overlay(designs: Sequence[Design], board: Board, folder: Path, name: str) -> Path:
    """Write `<name>-<12 digits>.bin` (a virtual image) and its `.hwh`; the digits come from the image's own bytes.

    Raises InputError for designs that cannot share a bitstream.
    """
    image, description = virtual_image(designs, board)
    path = folder / f"{name}-{sha256(image).hexdigest()[:12]}.bin"
    path.write_bytes(image)
    path.with_suffix(".hwh").write_text(description, encoding="utf-8")
    return path


def _design(region: Region) -> Design:
    if region.design is None:
        raise DeviceError(f"region {region.name!r} was not lowered to an FPGA design")
    return region.design


def open_device(name: str, board: Board, threads: int | None) -> FpgaDevice:
    """The device that `fpga` names; `threads` are the CPU's."""
    return FpgaDevice(name, board)


def check_place(name: str) -> None:
    """Raise InputError unless `local` or a PYNQ address follows the `@`."""
    if name.partition("@")[2] != "local":
        address(name)
