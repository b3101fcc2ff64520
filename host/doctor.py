"""`examine`: what is installed here, and what each missing thing would enable."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from weft.boards.errors import ToolError

_NEWEST_FOR_PYNQ = (3, 12)


@dataclass(frozen=True)
class Finding:
    """One package or program; `advice` says how to get it where it is missing."""

    name: str
    present: bool
    version: str
    enables: str
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


_PACKAGES = (
    ("numpy", "everything", "pip install weft"),
    ("onnx", "reading networks", "pip install weft"),
    ("onnx-ir", "reading networks", "pip install weft"),
    ("onnxruntime", "the CPU device", "pip install weft"),
    ("hls4ml", "lowering networks to FPGA designs", "pip install 'weft[hls]'"),
    ("pynq", "running designs on virtual and real boards", "pip install 'weft[pynq]'"),
    ("pyopencl", "OpenCL devices", "pip install 'weft[opencl]'"),
    ("torch", "retraining the example networks", "pip install 'weft[train]'"),
)
_PROGRAMS = (
    ("g++", "compiling firmware for C simulation", "install it, such as apt install g++"),
    ("make", "make demo and make test", "install it, such as apt install make"),
    ("vitis-run", "HLS reports and real bitstreams, with vivado", "install AMD Vitis and source its settings64.sh"),
    ("vivado", "real bitstreams", "install AMD Vivado and source its settings64.sh"),
)


def examine() -> list[Finding]:
    """Python, weft's packages, and the programs it calls."""
    from weft import __version__

    found = [
        Finding("weft", True, __version__, "everything", ""),
        Finding("python", True, platform.python_version(), "everything", ""),
    ]
    found += [_package(name, enables, advice) for name, enables, advice in _PACKAGES]
    found += _opencl_devices()
    found += [_program(name, enables, advice) for name, enables, advice in _PROGRAMS]
    return found


def _package(name: str, enables: str, advice: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name), enables, "")
    except metadata.PackageNotFoundError:
        pass
    if name == "pynq" and sys.version_info[:2] > _NEWEST_FOR_PYNQ:
        running = ".".join(map(str, sys.version_info[:2]))
        advice = f"pynq 4.0.0 has no wheels to stand on for Python {running}: use Python 3.11 or 3.12"
    return Finding(name, False, "", enables, advice)


def _opencl_devices() -> list[Finding]:
    """One finding for each OpenCL device, by the name that `--devices` takes; none without pyopencl."""
    from weft.host.opencl.context import list_devices

    try:
        devices = list_devices()
    except ToolError:
        return []
    if not devices:
        advice = "install a GPU's OpenCL driver, or pip install 'weft[opencl]' for PoCL's"
        return [Finding("opencl", False, "", "OpenCL devices", advice)]
    return [
        Finding(f"opencl@{number}", True, f"{device.name} ({device.platform.name})", "running regions on it", "")
        for number, device in enumerate(devices)
    ]


def _program(name: str, enables: str, advice: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path is not None, path or "", enables, "" if path else advice)
