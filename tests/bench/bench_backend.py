"""ONNX's whole backend suite: what ONNX Runtime's CPU provider passes alone, and what weft passes."""

from __future__ import annotations

from collections import Counter
from datetime import date

import onnx
import onnxruntime as ort
from backend_suite import PASSED, SKIPPED, RuntimeAlone, outcomes
from rich.console import Console
from rich.table import Table

from weft.host import backend

DEVICES = ("cpu", "opencl,cpu")


def bench_backend_suite() -> None:
    """Passed, failed and skipped side by side, and by name what ONNX Runtime passes and weft does not."""
    alone = outcomes(RuntimeAlone)
    console = Console(width=140)
    table = Table(title=f"ONNX {onnx.__version__} backend suite, ONNX Runtime {ort.__version__} ({date.today()})")
    for column in ("backend", "passed", "failed", "skipped", "only here", "missing here"):
        table.add_column(column, justify="left" if column == "backend" else "right")
    table.add_row("ONNX Runtime alone", *counts(alone), "", "")
    missing = {}
    for devices in DEVICES:
        ours = outcomes(backend.on(devices))
        missing[devices] = [name for name, how in alone.items() if how == PASSED != ours[name]]
        more = sum(how == PASSED != alone[name] for name, how in ours.items())
        table.add_row(f"weft on {devices}", *counts(ours), str(more), str(len(missing[devices])))
        for name in missing[devices]:
            console.print(f"{name} on {devices}: {ours[name]}")
    console.print(table)
    assert not any(missing.values())


def counts(found: dict[str, str]) -> tuple[str, str, str]:
    many = Counter(how if how in (PASSED, SKIPPED) else "failed" for how in found.values())
    return str(many[PASSED]), str(many["failed"]), str(many[SKIPPED])
