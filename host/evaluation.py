"""How good a plan's answers are, measured on what it will run: `Design.run`'s integers on an FPGA, and every other
region on its own device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import InputError
from weft.hls.calibrate import checked, fixed_batch, run_in_chunks
from weft.hls.design import Design
from weft.hls.execution import run_design
from weft.host.accuracy import Accuracy
from weft.host.device import Arrays, Region
from weft.host.devices.names import open_device
from weft.host.plan import Plan
from weft.host.scoring import Score, against_itself, against_labels
from weft.host.streams import ends, pack, unpack

Data = Mapping[str, NDArray[Any]] | NDArray[Any]

LABELS = "labels"  # the array beside the inputs
_CHUNK_SAMPLES = 32  # the intermediate values of a large network take about 2 MiB a sample as int64


@dataclass(frozen=True)
class Evaluation:
    """Samples, and how output `output` is scored on them.

    `reference` is the score of the network as it was given; None where what is expected are its own answers.
    """

    feeds: Arrays
    output: str
    score: Score
    reference: float | None

    def of(self, plan: Plan, recipe: str) -> Accuracy:
        """Run the plan's regions on the samples and score them. Raises what its devices raise."""
        count = len(self.score.expected)
        value = self.score(_answers(plan, self.feeds, self.output, count))
        return Accuracy(recipe, self.score.metric, value, self.reference, count)


def read_evaluation(model: ir.Model, data: Data) -> Evaluation:
    """What a network is to be measured on: arrays by input name, (N, ...), and `labels` unless an input has that name.

    Scored is the first output that is computed; see `scoring.against_labels` for what labels may be (yes is above one
    half behind a Sigmoid, above 0 otherwise), and `scoring.against_itself` for what is expected without them.

    Raises:
        InputError: the data does not fit the network, or its output cannot be scored.

    """
    inputs = {value.name for value in model.graph.inputs}
    arrays = dict(data) if isinstance(data, Mapping) else data
    labels = arrays.pop(LABELS, None) if isinstance(arrays, dict) and LABELS not in inputs else None
    feeds = dict(checked(model, arrays, "evaluation"))
    output = next((value for value in model.graph.outputs if value.producer() is not None), None)
    if output is None:
        raise InputError("the network computes no output, so there is nothing to evaluate")
    name = output.name or ""
    own = _own_answers(model, name, feeds)
    if labels is None:
        return Evaluation(feeds, name, against_itself(own), None)
    expected = _checked_labels(labels, min(len(array) for array in feeds.values()))[: len(own)]
    producer = output.producer()
    score = against_labels(own, expected, 0.5 if producer is not None and producer.op_type == "Sigmoid" else 0.0)
    if score is None:
        raise InputError(
            f"the evaluation's {LABELS} have shape {expected.shape} and type {expected.dtype}, and output {name!r} has "
            f"shape {own.shape}: give classes as integers, one a sample, or as many numbers as the output has"
        )
    return Evaluation(feeds, name, score, score(own))


def _own_answers(model: ir.Model, name: str, feeds: Arrays) -> NDArray[Any]:
    """One output of the network as it was given, (N, ...), without samples that fill no fixed batch."""
    count = min(len(array) for array in feeds.values())
    answers = [chunk[name] for chunk in run_in_chunks(model, [name], feeds)]
    own = np.concatenate(answers) if answers[0].ndim else np.asarray(answers)
    if len(own) != count - count % (fixed_batch(model) or 1) or own.dtype.kind not in "biuf":
        raise InputError(f"output {name!r} cannot be scored: it has no number for each of the {count} samples")
    if own.dtype.kind == "f" and not np.isfinite(own).all():
        raise InputError(f"output {name!r} is NaN or infinite on the evaluation data: remove those samples")
    return own


def _checked_labels(labels: object, count: int) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.dtype.kind not in "biuf" or array.ndim == 0 or len(array) != count:
        raise InputError(f"the evaluation has {count} samples, and its {LABELS} are {array.dtype} of {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"the evaluation's {LABELS} contain NaN or infinity: remove those samples")
    return array


def _answers(plan: Plan, feeds: Arrays, output: str, count: int) -> NDArray[Any]:
    """One output for the first `count` samples, (count, ...)."""
    size = fixed_batch(plan.model) or _CHUNK_SAMPLES
    constants = {value.name or "": value.const_value.numpy() for value in plan.model.graph.outputs if value.const_value}
    found = []
    with ExitStack() as stack:
        runs = [(region.inputs, _runner(region, plan.board, stack)) for region in plan.regions]
        for start in range(0, count, size):
            values = constants | {name: array[start : start + size] for name, array in feeds.items()}
            for inputs, run in runs:
                values |= run({name: values[name] for name in inputs})
            found.append(np.asarray(values[output]))
    return np.concatenate(found) if found[0].ndim else np.asarray(found)


def _runner(region: Region, board: Board, stack: ExitStack) -> Callable[[Arrays], Arrays]:
    """What computes a region's outputs, by ONNX value name; `stack` closes it."""
    if region.design is not None:
        design = region.design
        return lambda inputs: _run_design(design, inputs)
    device = open_device(region.device, board)
    stack.callback(device.close)
    program = device.prepare(region)
    stack.callback(program.close)
    return program.run


def _run_design(design: Design, inputs: Arrays) -> Arrays:
    """What a board that holds the design gives for floating-point inputs."""
    sources, targets = ends(design)
    raw = run_design(design, [pack(inputs[tensor.onnx_name], tensor) for tensor in sources])
    return {tensor.onnx_name: unpack(values, tensor) for tensor, values in zip(targets, raw, strict=True)}
