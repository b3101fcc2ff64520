"""weft: ONNX networks across FPGA, GPU and CPU, with a simulator that stands in for the board.

    model = weft.load("digits.onnx")
    small = weft.compress(model, "fixed8", calibration=samples)
    plan = weft.plan(small, board="pynq-z2")
    with weft.Session(plan) as session:
        outputs = session.run(None, {"x": x})

Everything is imported when it is first used, so that `import weft` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.boards.errors import WeftError
    from weft.hls.compress import compress
    from weft.hls.design import Design
    from weft.hls.load import load
    from weft.host import backend as backend
    from weft.host.build import build
    from weft.host.planner import plan
    from weft.host.session import Session
    from weft.host.simulate import simulate
    from weft.sim.report import Report

__version__ = "0.1.0"
__all__ = [
    "Design",
    "Report",
    "Session",
    "WeftError",
    "__version__",
    "backend",
    "build",
    "compress",
    "load",
    "plan",
    "simulate",
]

_HOMES = {
    "Design": "weft.hls.design",
    "Report": "weft.sim.report",
    "Session": "weft.host.session",
    "WeftError": "weft.boards.errors",
    "backend": "weft.host.backend",
    "build": "weft.host.build",
    "compress": "weft.hls.compress",
    "load": "weft.hls.load",
    "plan": "weft.host.planner",
    "simulate": "weft.host.simulate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return getattr(home, name, home)  # a name that its home does not have is the home itself


def __dir__() -> list[str]:
    return sorted(__all__)
