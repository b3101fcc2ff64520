"""How fast networks are split, how far from the best, and how near CPU predictions come to ONNX Runtime's times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
from held_out_networks import Recurrent, conv1d, mixer, mobilenet
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch_networks import Exported, bert, exported, images, mlp, resnet18, tokens
from where import where

from weft.hls.load import load
from weft.host.problem import Flow, Goal, Problem
from weft.host.profiling import measure, run_seconds
from weft.host.solver import solve

AIM = 0.25  # the median error of CPU predictions
LIMITS_S = {200: 1.0, 2000: 10.0}


def bench_solver() -> None:
    """Seconds of this process and the gap to the bound, for graphs of three shapes on three devices."""
    table = Table(title=f"Splits over three devices ({where()})")
    for column in ("graph", "nodes", "objective", "seconds", "gap to the bound", "regions"):
        table.add_column(column, justify="right")
    for count, limit in LIMITS_S.items():
        for shape, span in (("chain", 1), ("residual", 3), ("random", 6)):
            for criteria, objective in ((1, "latency"), (3, "throughput")):
                problem = random_problem(shape, span, count, criteria)
                began = time.process_time()
                found = solve(problem, Goal())
                took = time.process_time() - began
                assert found is not None
                assert took < limit
                table.add_row(shape, str(count), objective, f"{took:.2f}", f"{found.gap:.1%}", str(len(found.pieces)))
    Console(width=100).print(table)


def random_problem(shape: str, span: int, count: int, criteria: int) -> Problem:
    """Random costs: a chain, a chain with a bypass every `span` nodes, or up to two of the last `span` nodes."""
    random = np.random.default_rng(0)
    before: list[tuple[int, ...]] = []
    for node in range(count):
        earlier = {node - 1} if shape != "random" else set(random.integers(max(0, node - span), node + 1, 2).tolist())
        if shape == "residual" and node % span == 0:
            earlier.add(node - span)
        before.append(tuple(sorted(other for other in earlier if 0 <= other < node)))
    readers = [tuple(node for node in range(count) if other in before[node]) for other in range(count)]
    flows = (Flow(-1, (0,)), *(Flow(node, readers[node], kept=not readers[node]) for node in range(count)))
    able = random.random((3, count)) < 0.9
    able[0] = True
    links = random.uniform(0, 2, (3, len(flows)))
    links[0] = 0
    own = np.ones((3, 1)) if criteria == 1 else np.eye(3)  # in a pipeline each device has a total of its own
    work, launch = random.uniform(0, 4, (3, count)), np.array([1.0, 3.0, 3.0])
    costs = [work[..., None] * own[:, None], launch[:, None] * own, links[..., None] * own[:, None]]
    return Problem(tuple(before), flows, able, costs[0], costs[1], costs[2], costs[2])


def bench_cpu_predictions(tmp_path: Path) -> None:
    """One thread, and this thread's own time, so that other programs on the machine do not count.

    The sizes that `weft profile` measures are those of the first networks' layers; the others are held out: nothing was
    set by them, but that timings of single LSTM and GRU layers agree with the kernel calls counted for each step.
    """
    profile = measure(threads=1)
    table = Table(title=f"CPU predictions, 1 thread ({where()})")
    for column in ("network", "nodes", "predicted", "measured", "error"):
        table.add_column(column, justify="right")
    medians = {}
    for kind, group in (("tuned", networks(tmp_path)), ("held-out", held_out(tmp_path))):
        errors = []
        for name, network in group:
            nodes = list(load(network.path).graph)
            predicted, measured = profile.seconds(nodes) * 1e6, thread_seconds(network) * 1e6
            errors.append(predicted / measured - 1)
            table.add_row(name, str(len(nodes)), f"{predicted:,.1f} us", f"{measured:,.1f} us", f"{errors[-1]:+.0%}")
        table.add_section()
        medians[kind] = float(np.median(np.abs(errors)))
    Console(width=100).print(table)
    for kind, median in medians.items():
        Console(width=100).print(f"median error of {kind} networks {median:.0%}, aim {AIM:.0%}")
    assert max(medians.values()) <= AIM


def networks(folder: Path) -> Iterator[tuple[str, Exported]]:
    """Name and network."""
    few = np.random.default_rng(0).normal(size=(1, 784)).astype(np.float32)
    yield "MLP 784-128-64-10", exported(mlp(784, 128, 64, 10), few, folder, "mlp")
    yield "MLP 16-64-32-5", exported(mlp(16, 64, 32, 5), few[:, :16].copy(), folder, "mlp_small")
    yield "ResNet-18, 224x224", exported(resnet18(), images(224), folder, "resnet18")
    yield "BERT-base, 4 of 12 layers, 128 tokens", exported(bert(layers=4), tokens(128), folder, "bert")


def held_out(folder: Path) -> Iterator[tuple[str, Exported]]:
    """Name and network: other kinds of network, and the tuned ones at other sizes."""
    random = np.random.default_rng(0)

    def noise(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    yield "MobileNet, 96x96", exported(mobilenet(), images(96), folder, "mobilenet")
    yield "1-D CNN, 9 x 256", exported(conv1d(), noise(1, 9, 256), folder, "conv1d")
    yield "2 LSTM of 64, 50 steps", exported(Recurrent(32, 64, 10), noise(1, 50, 32), folder, "lstm")
    yield "MLP-mixer, 64 x 128", exported(mixer(), noise(1, 64, 128), folder, "mixer")
    yield "ResNet-18 of 16, 64x64", exported(resnet18(width=16), images(64), folder, "resnet18_small")
    small = bert(layers=2, width=256, heads=4, vocabulary=1000)
    yield "BERT of 256, 2 layers, 64 tokens", exported(small, tokens(64, 1000), folder, "bert_small")
    yield "MLP 256-512-512-256", exported(mlp(256, 512, 512, 256), noise(1, 256), folder, "mlp_wide")


def thread_seconds(network: Exported) -> float:
    """The time of this thread for one run of ONNX Runtime in it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(network.path), options, providers=["CPUExecutionProvider"])
    return run_seconds(lambda: session.run(None, network.feeds), threads=1)
