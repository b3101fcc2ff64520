"""What a session costs beside ONNX Runtime alone, and whether sessions that come and go leave anything behind."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch_networks import Exported, bert, exported, images, mlp, resnet18, tokens

import weft

AIM = 0.03  # what a session on the CPU may cost beside ONNX Runtime alone
BOARD = "zcu104"


def bench_session_beside_onnx_runtime(tmp_path: Path) -> None:
    """Times of one call, in turns, with medians of many; the ratio is the median of each turn's own ratio."""
    where = f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    table = Table(title=f"One call with devices cpu ({where})")
    for column in ("network", "ONNX Runtime", "weft.Session", "ratio", "largest difference"):
        table.add_column(column, justify="left" if column == "network" else "right")
    ratios = {}
    for name, network, calls, turns in networks(tmp_path):
        options = ort.SessionOptions()
        alone = ort.InferenceSession(str(network.path), options, providers=["CPUExecutionProvider"])
        with weft.Session(weft.plan(network.path, board=BOARD, devices="cpu")) as session:
            expected = [np.asarray(value) for value in alone.run(None, network.feeds)]
            results = session.run(None, network.feeds)
            apart = max(relative(a, b) for a, b in zip(results, expected, strict=True))
            assert apart <= 1e-4
            times = in_turns(
                [lambda a=alone, n=network: a.run(None, n.feeds), lambda s=session, n=network: s.run(None, n.feeds)],  # type: ignore[misc]
                calls,
                turns,
            )
        ratios[name] = median(ours / theirs for theirs, ours in times)
        theirs, ours = (median(column) * 1e6 for column in zip(*times, strict=True))
        table.add_row(name, f"{theirs:,.1f} us", f"{ours:,.1f} us", f"{ratios[name]:.3f}", f"{apart:.1e}")
    Console(width=140).print(table)
    assert max(ratios.values()) <= 1 + AIM


def networks(folder: Path) -> list[tuple[str, Exported, int, int]]:
    """Name, network, calls in a turn, and turns."""
    few = np.random.default_rng(0).normal(size=(1, 784)).astype(np.float32)
    return [
        ("MLP 784-128-64-10", exported(mlp(784, 128, 64, 10), few, folder, "mlp"), 1000, 61),
        ("MLP 16-64-32-5", exported(mlp(16, 64, 32, 5), few[:, :16].copy(), folder, "mlp_small"), 1000, 61),
        ("ResNet-18, 224x224", exported(resnet18(), images(224), folder, "resnet18"), 1, 41),
        ("BERT-base, 128 tokens", exported(bert(), tokens(128), folder, "bert", free_length=True), 1, 21),
    ]


def relative(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """The largest difference as a share of the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def in_turns(actions: list[Callable[[], object]], calls: int, turns: int) -> list[tuple[float, ...]]:
    """Seconds a call of each action in every turn; in every other turn the order is reversed."""
    for action in actions:
        action()
    found = []
    for turn in range(turns):
        order = range(len(actions)) if turn % 2 == 0 else reversed(range(len(actions)))
        seconds = dict.fromkeys(range(len(actions)), 0.0)
        for number in order:
            action = actions[number]
            began = perf_counter()
            for _ in range(calls):
                action()
            seconds[number] = (perf_counter() - began) / calls
        found.append(tuple(seconds.values()))
    return found
