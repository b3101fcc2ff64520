"""The OpenCL device beside NumPy's BLAS and ONNX Runtime, in one run: ratios, as a machine's clock is its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import numpy as np
import onnx
import pytest
from device_runs import prepared, region_of
from model_zoo import bert, mlp, resnet18
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from where import where

pytest.importorskip("pyopencl")

import onnxruntime as ort

from weft.hls.load import load
from weft.host.device import samples_in
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.context import open_context
from weft.host.opencl.tuning import product_seconds

ROUNDS = 7
LEAST_OF_BLAS = 0.30  # issue 4


def bench_matrix_products() -> None:
    """GEMM of square float32 matrices, beside NumPy's own BLAS on as many cores."""
    context = open_context("")
    out = Table(title=_title(f"GEMM on {context.device.name}, {context.profile.tile}"))
    for column in ("size", "numpy GFLOP/s", "OpenCL GFLOP/s", "OpenCL / numpy"):
        out.add_column(column, justify="right")
    ratios = []
    for size in (256, 512, 1024):
        sides = [np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32) for seed in (0, 1)]
        blas = here = inf
        for _ in range(3):  # in turn, so that other work on the machine slows both
            blas = min(blas, _best(partial(np.matmul, *sides), 3))
            here = min(here, product_seconds(context, context.profile.tile, size))
        flops = 2 * size**3 / 1e9
        ratios.append(blas / here)
        out.add_row(str(size), f"{flops / blas:.0f}", f"{flops / here:.0f}", f"{blas / here:.2f}")
    Console(width=140).print(out)
    assert min(ratios[1:]) >= LEAST_OF_BLAS


def bench_networks() -> None:
    """Runs a second of whole networks, beside ONNX Runtime with its own threads; inputs and outputs on the host."""
    random = np.random.default_rng(0)
    image = random.normal(size=(1, 3, 224, 224)).astype(np.float32)
    words = {"ids": random.integers(0, 1000, (1, 128)), "mask": np.ones((1, 128), np.int64)}
    rows = random.normal(size=(256, 784)).astype(np.float32)
    out = Table(title=_title("Networks, OpenCL beside ONNX Runtime"))
    columns = ("network", "OpenCL / ONNX Runtime", "predicted / measured", "launches", "copies", "prepare", "first run")
    for column in (*columns, "largest error"):
        out.add_column(column, justify="right")
    for name, model, feeds in (
        ("ResNet-18, batch 1", resnet18(), {"x": image}),
        ("BERT base, 4 of 12 layers, 128 words", bert(layers=4), words),
        ("MLP 784-512-512-10, batch 1", mlp(784, 512, 512, 10), {"x": rows[:1]}),
        ("MLP 784-512-512-10, batch 256", mlp(784, 512, 512, 10), {"x": rows}),
    ):
        out.add_row(name, *_beside_onnx_runtime(model, feeds))
    Console(width=140).print(out)


def _beside_onnx_runtime(model: onnx.ModelProto, feeds: dict[str, NDArray[Any]]) -> list[str]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    device = OpenClDevice()
    began = time.perf_counter()
    program = prepared(device, model)
    ready = time.perf_counter()
    (found,) = program.run(feeds).values()
    first = time.perf_counter()
    (expected,) = map(np.asarray, session.run(None, feeds))
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    assert error < 1e-4  # issue 4
    here, there = (_best(run, ROUNDS) for run in (lambda: program.run(feeds), lambda: session.run(None, feeds)))
    (schedule,) = program._code._schedules.values()  # type: ignore[attr-defined]
    predicted = device.estimate(region_of(load(model), "opencl")).seconds  # of one sample
    copies = program.copies(feeds)[0]  # type: ignore[attr-defined]
    device.close()
    return [
        f"{there / here:.2f}",
        f"{predicted / here:.2f}" if samples_in(feeds) == 1 else "",
        str(len(schedule.launches)),
        str(copies),
        f"{ready - began:.2f} s",
        f"{first - ready:.2f} s",
        f"{error:.0e}",
    ]


def _best(action: Callable[[], object], rounds: int) -> float:
    action()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _title(what: str) -> str:
    return f"{what} ({where()})"
