"""How fast the simulator's exact values come, beside hls4ml's own compiled C simulation on the same inputs."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from digits_data import flatten, load_split
from rich.console import Console
from rich.table import Table

import weft

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BATCH = 1000


def bench_design_run_against_csim() -> None:
    """Samples a second on the digits networks, and what an exact product of their size costs at least: its BLAS."""
    train, _, test, _ = load_split()
    images = np.concatenate([train, test])[:BATCH]
    table = Table(title=f"{BATCH} samples, {date.today()}, {platform.machine()}, {platform.python_version()}")
    for column in ("network", "hls4ml C sim/s", "Design.run/s", "ratio", "bound: matrix products alone/s"):
        table.add_column(column, justify="right")
    for name, shape in (("digits_cnn", lambda x: np.moveaxis(x, 1, -1)), ("digits_mlp", flatten)):
        x = shape(images).astype(np.float64)
        calibration = train if name == "digits_cnn" else flatten(train)
        small = weft.compress(weft.load(EXAMPLES / f"{name}.onnx"), "fixed8", calibration=calibration)
        region = weft.plan(small, board="pynq-z2").fpga_region
        assert region is not None
        design = region.design
        assert design is not None
        firmware = design.firmware()
        np.testing.assert_array_equal(design.run(x), firmware.run(x))
        simulated, ran = per_second(partial(firmware.predict, x)), per_second(partial(design.run, x))
        bound = per_second(partial(matrix_products, design))
        table.add_row(name, f"{simulated:,.0f}", f"{ran:,.0f}", f"{ran / simulated:.0f}x", f"{bound:,.0f}")
    Console(width=110).print(table)


def matrix_products(design: weft.Design) -> None:
    """The float64 matrix products of every Dense and Conv layer, and nothing else."""
    for layer in design.layers:
        if "weight" in layer.weights:
            weight = layer.weights["weight"].raw.astype(np.float64)
            windows = design.tensors[layer.outputs[0]].size // weight.shape[-1]
            rows = np.ones((BATCH * windows, weight[..., 0].size))
            _ = rows @ weight.reshape(-1, weight.shape[-1])


def per_second(action: Callable[[], object]) -> float:
    """Samples a second: the median of five runs of the whole batch, after one to warm up."""
    action()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return BATCH / float(np.median(seconds))
