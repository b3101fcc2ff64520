"""How both digits networks are trained and written: the loop, the ONNX file, and what it scores."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from digits_data import Images, Labels, load_split
from onnx_ir.passes import common

from weft.boards.errors import WeftError

try:
    import torch
except ModuleNotFoundError:
    sys.exit("weft: torch is not installed, and the networks are trained with it: pip install 'weft[train]'")
from torch import Tensor, nn
from torch.nn import functional

# Compared by four-fold cross-validation on the training images (one run each: CNN 99.3 %, MLP 98.7 %). It is flat here:
# other epochs, weight decays and shifts near these are within the half point by which two runs differ.
EPOCHS = 150
BATCH = 64
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.3
SHIFT_PIXELS = 0.5
TURN_RADIANS = 0.1
SEED = 0

WANTED_ACCURACY = 0.97
OPSET = 20


def main(network: nn.Sequential, shape: tuple[int, ...], path: Path, about: str) -> int:
    """Train, write the ONNX file where the command line says (`path` without it), print its accuracy; the exit code.

    `network` gives logits (N, 10) for images reshaped to (N, *shape). The file is written only if ONNX Runtime finds
    at least 97 % of the test images right with it.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("out", nargs="?", type=Path, default=path, metavar="OUT.onnx", help="default: %(default)s")
    out: Path = parser.parse_args().out
    if not out.parent.is_dir():
        parser.error(f"the folder {out.parent} does not exist: make it, or name another file")
    try:
        images, labels, test_images, test_labels = load_split()
    except WeftError as error:
        sys.exit(f"weft: {error}")
    train(network, images, labels, shape)
    data = export(network, shape)
    found = accuracy(data, test_images.reshape(-1, *shape), test_labels)
    print(f"{found:.2%} of {len(test_labels)} test images are classified right by ONNX Runtime")
    if found < WANTED_ACCURACY:
        print(f"weft: that is under {WANTED_ACCURACY:.0%}, so {out} is not written", file=sys.stderr)
        return 1
    write(data, out)
    print(f"{out}: {len(data)} bytes")
    return 0


def seed() -> None:
    """Make what follows repeatable: random numbers, and one thread, so that sums are always taken in one order."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def train(network: nn.Sequential, images: Images, labels: Labels, shape: tuple[int, ...]) -> None:
    """Minimise the cross-entropy of `network` (in place) on moved images; leaves it in evaluation mode."""
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(decayed(network), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        inputs = moved(x).reshape(-1, *shape)
        for chosen in torch.split(torch.randperm(len(x)), BATCH):
            optimiser.zero_grad()
            loss = functional.cross_entropy(network(inputs[chosen]), y[chosen])
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    network.eval()


def decayed(network: nn.Module) -> list[dict[str, Any]]:
    """The optimiser's groups: biases and batch normalisation keep their size, on which the activations' range rests."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def moved(images: Tensor) -> Tensor:
    """Each image (N, 1, 8, 8) shifted and turned a little at random, as another hand would have written it."""
    count, width = len(images), images.shape[-1]
    turn = (2 * torch.rand(count) - 1) * TURN_RADIANS
    shift = (2 * torch.rand(count, 2) - 1) * SHIFT_PIXELS * 2 / width  # affine_grid's coordinates run from -1 to 1
    rows = [
        torch.stack([turn.cos(), -turn.sin(), shift[:, 0]], 1),
        torch.stack([turn.sin(), turn.cos(), shift[:, 1]], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def export(network: nn.Sequential, shape: tuple[int, ...]) -> bytes:
    """The trained network with a Softmax behind it as one ONNX file: x (N, *shape) to probabilities (N, 10), float32.

    torch writes the Python stack of every node, with this machine's paths, into the metadata: that is taken out.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision, not needed here, is missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.13's exporter calls what torch 2.13 deprecates
        program = torch.onnx.export(
            nn.Sequential(*network, nn.Softmax(1)).eval(),
            (torch.zeros(2, *shape),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["x"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            verbose=False,
        )
    assert program is not None  # only the older exporter returns nothing
    common.ClearMetadataAndDocStringPass()(program.model)
    graph = program.model.graph
    made = (value for node in graph for value in node.outputs)
    for value in (*graph.inputs, *graph.initializers.values(), *made):  # the pass leaves values out (onnx-ir 1.1)
        value.metadata_props.clear()
    proto = ir.to_proto(program.model)
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    return data


def accuracy(model: bytes, x: Images, labels: Labels) -> float:
    """The fraction of `x` whose most probable class, by ONNX Runtime, is its label."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    probabilities = np.asarray(session.run(["probabilities"], {"x": x})[0])
    return float((probabilities.argmax(axis=1) == labels).mean())


def write(data: bytes, path: Path) -> None:
    """Write aside and rename, so that an interrupted run leaves the old file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as aside:
        part = Path(aside) / path.name
        part.write_bytes(data)
        part.replace(path)
