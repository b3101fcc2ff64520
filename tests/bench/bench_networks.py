"""`weft run` of whole networks on every list of devices, held against ONNX Runtime's answer to the file as exported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from digits_data import flatten, load_split
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch_networks import bert, exported, images, resnet18, tokens
from where import where

import weft
from weft.host.cli import run_command

EXAMPLES = Path(__file__).parents[2] / "examples"
DEVICES = ("cpu", "opencl,cpu", "fpga,cpu", "fpga,opencl,cpu")
# Functions that hls4ml reads from tables of 1,024 entries (nnet_activation.h) are a step off: the tanh of BERT's pooler
# from -4 to 4, and the exponentials of the digits' softmax from -8 to 8.
TANH_STEP, SOFTMAX_STEP = 8 / 1024, 16 / 1024
FLOAT_AIM = 1e-4  # of the largest output, where everything stays in float32
_REGION = re.compile(r"^\w+ on (\w+): \d+ samples", re.MULTILINE)

Arrays = dict[str, NDArray[Any]]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A network's file, the board it is planned for, what is run and what types are chosen on."""

    name: str
    path: Path
    board: str
    feeds: Arrays
    calibration: Arrays
    table_step: float = 0.0  # of a function that the FPGA reads from a table


def bench_networks_on_every_list_of_devices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are of the largest output. An FPGA's regions are in 16-bit fixed point, and the rest of the network then
    reads their values: ONNX Runtime's error on the same fixed-point network stands beside."""
    table = Table(title=f"`weft run --devices ...` of whole networks ({where()})")
    for column in ("network", "board", "devices"):
        table.add_column(column, no_wrap=True)
    table.add_column("regions")
    for column in ("error", "of the types", "plan and run"):
        table.add_column(column, justify="right", no_wrap=True)
    for case in cases(tmp_path):
        expected = answer(str(case.path), case.feeds)
        model = weft.compress(case.path, "fixed16", calibration=case.calibration).model
        quantisation = largest_error(answer(ir.to_proto(model).SerializeToString(), case.feeds), expected)
        for devices in DEVICES:
            began = perf_counter()
            found, regions = run(case, devices, tmp_path, capsys)
            took, error, fixed = perf_counter() - began, largest_error(found, expected), regions["fpga"] > 0
            listed = ", ".join(f"{count} {name}" for name, count in regions.items())
            types = f"{quantisation:.1e}" if fixed else "float32"
            table.add_row(case.name, case.board, devices, listed, f"{error:.1e}", types, f"{took:.1f} s")
            aim = max(FLOAT_AIM, 2 * quantisation + case.table_step) if fixed else FLOAT_AIM
            assert error <= aim, (case.name, devices)
    with capsys.disabled():
        Console(width=140).print(table)


def cases(folder: Path) -> list[Case]:
    """PyTorch's exports with random weights, and the demo's networks of handwritten digits."""
    image, several = images(224), np.concatenate([images(224, seed) for seed in range(1, 5)])
    sentence, others = tokens(128), np.concatenate([tokens(128, seed=seed) for seed in range(1, 5)])
    resnet = exported(resnet18(), image, folder, "resnet18").path
    encoder = exported(bert(), sentence, folder, "bert").path
    return [
        Case("ResNet-18, 224", resnet, "zcu104", {"x": image}, {"x": several}),
        Case("BERT-base, 128 tokens", encoder, "zcu104", {"x": sentence}, {"x": others}, TANH_STEP),
        demo("digits_mlp", flatten),
        demo("digits_cnn", lambda digits: digits),
    ]


def demo(name: str, shaped: Callable[[Floats], Floats]) -> Case:
    """One of the demo's networks on its held-back images."""
    train, _, test, _ = load_split()
    feeds, data = {"x": shaped(test)}, {"x": shaped(train[:200])}
    return Case(name, EXAMPLES / f"{name}.onnx", "pynq-z2", feeds, data, SOFTMAX_STEP)


def run(
    case: Case, devices: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[list[NDArray[Any]], Counter[str]]:
    """The outputs that `weft run` writes, and how many regions it says each device has run."""
    files = {name: folder / f"{name}.npz" for name in ("feeds", "calibration", "outputs")}
    np.savez(files["feeds"], **case.feeds)
    np.savez(files["calibration"], **case.calibration)
    arguments = ["--board", case.board, "--devices", devices, "--calibration", files["calibration"]]
    command = ["run", case.path, *arguments, "--input", files["feeds"], "-o", files["outputs"]]
    code = run_command([str(argument) for argument in command])
    said = capsys.readouterr().err
    assert code == 0, said
    with np.load(files["outputs"]) as written:
        return [written[name] for name in written.files], Counter(_REGION.findall(said))


def answer(model: str | bytes, feeds: Arrays) -> list[NDArray[Any]]:
    """ONNX Runtime's outputs."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, feeds)]


def largest_error(found: list[NDArray[Any]], expected: list[NDArray[Any]]) -> float:
    """The largest difference of any output, as a share of that output's largest value."""
    return max(
        float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in zip(found, expected, strict=True)
    )
