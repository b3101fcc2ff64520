"""A PYNQ board without its network: memory, files, registers, fabric and simulated time, behind one lock.

Every fault is a DeviceError (or ArtefactError for an image) with one sentence; the services carry it to the program.
"""

from __future__ import annotations

import threading
from pathlib import Path

from weft.boards import Board
from weft.boards.errors import ArtefactError, DeviceError
from weft.sim.fabric import Fabric
from weft.sim.faults import Faults
from weft.sim.files import FIRMWARE, MANAGER, Files
from weft.sim.image import LARGEST_IMAGE, Image, unpack
from weft.sim.memory import Memory
from weft.sim.overlay import Overlay
from weft.sim.pins import Pins
from weft.sim.processing_system import ProcessingSystem, family_of
from weft.sim.timeline import Timeline

_LARGEST_RANGE = 1 << 28
_PARTIAL = 1  # bit of the manager's flags (Linux, include/linux/fpga/fpga-mgr.h, FPGA_MGR_PARTIAL_RECONFIG)


class Machine:
    """One board. Take `lock` around calls: programs may come at the same time."""

    def __init__(self, board: Board, bitstreams: str | Path | None = None) -> None:
        self.board = board
        self.lock = threading.RLock()
        self.family = family_of(board)
        self.system = ProcessingSystem(board)
        self.memory = Memory(board)
        self.files = Files(board, bitstreams)
        self.pins = Pins(board)
        self.timeline = Timeline()
        self.faults = Faults()
        self.fabric: Fabric | None = None

    # ------------------------------------------------------------ files and images

    def check_writable(self, path: str, size: int) -> None:
        """Raise DeviceError if a program may not write `size` bytes to `path`."""
        if not path.startswith(MANAGER):
            self.files.check_writable(path, size)
        elif size > 4096:
            raise DeviceError(f"{path[:80]!r} takes a file's name or a flag, not {size:,} bytes")

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file. A name written to the FPGA manager loads that image, as under Linux."""
        self.check_writable(path, len(data))
        if path == MANAGER + "firmware":
            self._load(data.decode("utf-8", "replace").strip())
        elif path == MANAGER + "flags":
            self.files.set_system(path, data.decode("ascii", "replace"))
        elif path.startswith(MANAGER):
            raise DeviceError(f"{path[:80]!r} cannot be written")
        else:
            self.files.write(path, data)

    def _load(self, name: str) -> None:
        """Load a file of /lib/firmware into the fabric; what was there stays if it is refused."""
        self.files.set_system(MANAGER + "firmware", name)
        path = FIRMWARE + name
        if not self.files.exists(path):
            self._set_state("firmware request error")
            raise DeviceError(f"there is no bitstream {name[:80]!r} on the board: upload it to {FIRMWARE} first")
        try:
            if self._flags() & _PARTIAL:
                raise ArtefactError("virtual images are loaded whole, not as a partial reconfiguration")
            self.program(self.files.read(path))
        except ArtefactError as error:
            # pynq uploads a name only once: a refused file that stayed would also bar a mended one
            self.files.remove(path)
            raise ArtefactError(f"{name[:80]!r} was not loaded: {error}") from error

    def program(self, data: bytes) -> None:
        """Put an image into the fabric. Raises ArtefactError for what is damaged, foreign or another board's."""
        if len(data) > LARGEST_IMAGE:
            raise ArtefactError(f"an image of {len(data):,} bytes is too large")
        self._set_state("write init")
        try:
            self.fabric = Fabric(unpack(data), self.board, self.memory)
        except ArtefactError:
            self._set_state("write init error")
            raise
        self.timeline.reach(self.timeline.elapsed_us)  # whatever runs has ended before a reconfiguration does
        self._set_state("operating")

    def _set_state(self, state: str) -> None:
        """One of the states of Linux's FPGA manager (Documentation/ABI/testing/sysfs-class-fpga-manager)."""
        self.files.set_system(MANAGER + "state", state + "\n")

    def _flags(self) -> int:
        try:
            return int(self.files.read(MANAGER + "flags"), 16)  # Linux reads and shows them in hexadecimal
        except ValueError:
            return 0

    # ------------------------------------------------------------ registers

    def check_range(self, address: int, size: int) -> None:
        """Raise DeviceError unless a program may map `size` bytes of registers at `address`."""
        low, high = self.family.control_window
        in_fabric = low <= address and address + size <= high
        if not 0 < size <= _LARGEST_RANGE or not (in_fabric or self.system.contains(address, size)):
            raise DeviceError(
                f"{size:,} bytes at {address:#x} are no registers of a virtual {self.board.name}: its fabric is from "
                f"{low:#x} to {high - 1:#x}"
            )

    def read_register(self, address: int) -> int:
        """The 32-bit register at `address`, a multiple of 4."""
        if self.system.contains(address, 4):
            return self.system.read(address)
        return self._loaded(address).read(address, self.timeline)

    def write_register(self, address: int, value: int) -> None:
        """Write a 32-bit register, and let the fabric work."""
        if self.system.contains(address, 4):
            self.system.write(address, value)
            return
        if self._loaded(address).starts(address, value):
            if self.faults.strikes("wrong_bitstream"):
                leds = Image(Overlay(gpios=("leds",)), self.board.name, 10.0)
                self.fabric = Fabric(leds, self.board, self.memory)
            if self.faults.strikes("dma_timeout"):
                return
        self._loaded(address).write(address, value, self.timeline, self.system)

    def _loaded(self, address: int) -> Fabric:
        if self.fabric is None:
            raise DeviceError(f"nothing answers at {address:#x}: no bitstream is loaded")
        return self.fabric
