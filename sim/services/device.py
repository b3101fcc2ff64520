"""PYNQ.remote's `remote_device.RemoteDevice`: files, and through them the bitstream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from weft.boards.errors import DeviceError
from weft.sim.machine import Machine
from weft.sim.processing_system import fabric_clock
from weft.sim.services.limits import CHUNK
from weft.sim.services.uploads import Uploads


class Device:
    """The methods have the names of the remote procedures; each returns the fields of its reply."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._uploads = Uploads()

    def existsfile(self, request: Any) -> dict[str, Any]:
        """Whether there is a file or folder."""
        return {"exists": self._machine.files.exists(request.file_path)}

    def readfile(self, request: Any) -> Iterator[dict[str, Any]]:
        """A file, in pieces."""
        data = self._machine.files.read(request.file_path)
        for start in range(0, len(data), CHUNK):
            yield {"data": data[start : start + CHUNK]}

    def writefile(self, requests: Iterable[Any]) -> dict[str, Any]:
        """A file, from pieces; nothing is kept of one that is refused."""
        path = ""
        with self._uploads.collecting() as upload:
            for number, request in enumerate(requests):
                if number and request.file_path not in ("", path):
                    raise DeviceError("the pieces of one file name two paths")
                path = path or request.file_path
                with self._machine.lock:
                    self._machine.check_writable(path, len(upload.content) + len(request.data))
                upload.add(request.data)
            # pynq sends no piece at all for an empty file, so that there is no path either
            if path:
                with self._machine.lock:
                    self._machine.write_file(path, bytes(upload.content))
        return {}

    def set_bitstream_attrs(self, request: Any) -> dict[str, Any]:
        """What will be loaded. The flags that pynq writes next decide; only whole images can be loaded."""
        return {"status": not request.partial}

    def download(self, requests: Iterable[Any]) -> dict[str, Any]:
        """Load an image that comes in pieces, without a file."""
        with self._uploads.collecting() as upload:
            for request in requests:
                upload.add(request.buffer)
            with self._machine.lock:
                self._machine.program(bytes(upload.content))
        return {"status": True}

    def set_pl_clk(self, request: Any) -> dict[str, Any]:
        """Set a fabric clock by its two dividers, or to the fastest that does not exceed `clk_mhz`."""
        if not 0 <= request.i < len(self._machine.family.fabric_clocks):
            raise DeviceError(f"there is no fabric clock {request.i}")
        first, second = request.div0, request.div1
        if not first and not second and request.clk_mhz > 0:
            found = fabric_clock(self._machine.family, 1000 / request.clk_mhz)
            first, second = found.first, found.second
        if not (0 < first < 64 and 0 < second < 64):
            raise DeviceError(f"a fabric clock's dividers are 1 to 63, not {first} and {second}")
        self._machine.system.set_divisors(request.i, first, second)
        return {"status": True}

    def shutdown(self, request: Any) -> dict[str, Any]:
        """Stop the fabric's transfers, as before a reconfiguration."""
        del request
        if self._machine.fabric is not None:
            self._machine.fabric.stop_transfers()
        return {"status": True}
