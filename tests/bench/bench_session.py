"""What a session costs beside ONNX Runtime alone, and whether sessions that come and go leave anything behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, sleep, thread_time
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch_networks import Exported, bert, exported, images, mlp, resnet18, tokens
from where import where

import weft

Action = Callable[[], object]
AIM = 0.03  # what a session on the CPU may cost beside ONNX Runtime alone
BOARD = "zcu104"
LEAK_MIB = 20  # 900 sessions that kept 23 KiB each would show; the allocator alone moves by less


def bench_session_beside_onnx_runtime(tmp_path: Path) -> None:
    """Times of one call, in turns: medians, and the median over turns of what the session takes of ONNX Runtime's.

    Both work in the calling thread alone, whose own time is what the aim is held against: other programs on the
    machine do not count in it, while they move the time on the clock by more than 3 %.
    """
    table = Table(title=f"One call with devices cpu, 1 thread ({where()})")
    table.add_column("network")
    for column in ("ONNX Runtime", "weft.Session", "ratio", "thread's time", "its ratio", "largest difference"):
        table.add_column(column, justify="right")
    ratios = {}
    for name, network, calls, turns in networks(tmp_path):
        actions, apart = side_by_side(network)
        clock, own = in_turns(actions, calls, turns)
        (theirs, ours), (their_own, our_own) = np.median(clock, axis=0) * 1e6, np.median(own, axis=0) * 1e6
        ratios[name] = ratio(own)
        table.add_row(
            name, f"{theirs:,.1f} us", f"{ours:,.1f} us", f"{ratio(clock):.3f}",
            f"{their_own:,.1f} / {our_own:,.1f} us", f"{ratios[name]:.3f}", f"{apart:.1e}",
        )  # fmt: skip
    Console(width=140).print(table)
    assert max(ratios.values()) <= 1 + AIM


def side_by_side(network: Exported) -> tuple[list[Action], float]:
    """A call of ONNX Runtime's and one of a session's, and the largest difference between their results."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    alone = ort.InferenceSession(str(network.path), options, providers=["CPUExecutionProvider"])
    session = weft.Session(weft.plan(network.path, board=BOARD, devices="cpu"), threads=1)
    expected = [np.asarray(value) for value in alone.run(None, network.feeds)]
    apart = max(relative(a, b) for a, b in zip(session.run(None, network.feeds), expected, strict=True))
    assert apart <= 1e-4
    return [partial(alone.run, None, network.feeds), partial(session.run, None, network.feeds)], apart


def ratio(times: NDArray[np.float64]) -> float:
    """The median over turns of the second action's time by the first's."""
    return float(np.median(times[:, 1] / times[:, 0]))


def bench_a_pipeline_over_two_devices(mixed: weft.Session) -> None:
    """Batches through CPU and virtual board one after the other, and through `map`."""
    batches = [{"x": np.random.default_rng(seed).normal(size=(200, 16)).astype(np.float32)} for seed in range(20)]
    clock, _ = in_turns([lambda: [mixed.run(None, feeds) for feeds in batches], lambda: list(mixed.map(batches))], 1, 7)
    one, many = np.median(clock, axis=0) * 1e3
    print(f"20 batches of 200 on cpu and fpga: run {one:.0f} ms, map {many:.0f} ms, ratio {ratio(clock):.2f}")


def bench_a_thousand_sessions(mixed: weft.Session) -> None:
    """Threads, open files and memory after 100 and after 1,000 sessions on a CPU and a virtual board."""
    feeds = {"x": np.zeros((2, 16), np.float32)}
    found = []
    for sessions in (100, 900):
        for _ in range(sessions):
            with weft.Session(mixed.plan, threads=1) as session:
                session.run_async(None, feeds).result()
        sleep(2)  # gRPC's threads end a moment after their server
        gc.collect()
        found.append((threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), resident_mib()))
    for count, (threads, files, mib) in zip((100, 1000), found, strict=True):
        print(f"after {count} sessions: {threads} threads, {files} files, {mib:.0f} MiB")
    assert found[1][:2] <= found[0][:2]
    assert found[1][2] - found[0][2] < LEAK_MIB


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[weft.Session]:
    """A layer and two layers on a virtual board, and Erf between them on the CPU."""
    module = nn.Sequential(nn.Linear(16, 12), Erf(), nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 5))
    network = exported(module, np.zeros((1, 16), np.float32), tmp_path, "mixed")
    with weft.Session(weft.plan(network.path, board="pynq-z2", devices="fpga,cpu"), threads=1) as session:
        assert [region.device for region in session.plan.regions] == ["fpga", "cpu", "fpga"]
        yield session


class Erf(nn.Module):
    """An operator that hls4ml has no kernel for."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.erf(x)


def resident_mib() -> float:
    """This process's memory, as /proc has it in pages."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def networks(folder: Path) -> list[tuple[str, Exported, int, int]]:
    """Name, network, calls in a turn, and turns."""
    few = np.random.default_rng(0).normal(size=(1, 784)).astype(np.float32)
    return [
        ("MLP 784-128-64-10", exported(mlp(784, 128, 64, 10), few, folder, "mlp"), 1000, 61),
        ("MLP 16-64-32-5", exported(mlp(16, 64, 32, 5), few[:, :16].copy(), folder, "mlp_small"), 1000, 61),
        ("ResNet-18, 224x224", exported(resnet18(), images(224), folder, "resnet18"), 1, 31),
        ("BERT-base, 128 tokens", exported(bert(), tokens(128), folder, "bert", free_length=True), 1, 15),
    ]


def relative(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """The largest difference as a share of the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def in_turns(actions: Sequence[Action], calls: int, turns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds a call, (turns, actions), on the clock and of this thread; every other turn goes in reversed order."""
    clock, own = np.zeros((2, turns, len(actions)))
    for turn in range(turns):
        order = range(len(actions)) if turn % 2 == 0 else reversed(range(len(actions)))
        for number in order:
            action = actions[number]
            action()
            began, own_began = perf_counter(), thread_time()
            for _ in range(calls):
                action()
            clock[turn, number] = (perf_counter() - began) / calls
            own[turn, number] = (thread_time() - own_began) / calls
    return clock, own
