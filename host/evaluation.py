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

from weft.boards.errors import InputError
from weft.hls.calibrate import checked, fixed_batch, run_in_chunks
from weft.hls.design import Design
from weft.hls.execution import run_design
from weft.host.accuracy import Accuracy, Metric
from weft.host.device import Arrays
from weft.host.devices.names import open_device
from weft.host.plan import Plan
from weft.host.streams import ends, pack, unpack

Data = Mapping[str, NDArray[Any]] | NDArray[Any]

LABELS = "labels"  # the array beside the inputs
_CHUNK_SAMPLES = 32  # the intermediate values of a large network take about 2 MiB a sample as int64


@dataclass(frozen=True)
class Evaluation:
    """Samples, what is expected of output `output` on them (already decided where it is a class), and how it is scored.

    `reference` is the score of the network as it was given; None where what is expected are its own answers.
    """

    feeds: Arrays
    output: str
    metric: Metric
    decide: Callable[[NDArray[Any]], NDArray[Any]]
    expected: NDArray[Any]
    reference: float | None

    def of(self, plan: Plan, recipe: str) -> Accuracy:
        """Run the plan's regions on the samples and score them. Raises what its devices raise."""
        answers = self.decide(_answers(plan, self.feeds, self.output, len(self.expected)))
        return Accuracy(recipe, self.metric, _score(answers, self.expected, self.metric), self.reference, len(answers))


def read_evaluation(model: ir.Model, data: Data) -> Evaluation:
    """What a network is to be measured on: arrays by input name, (N, ...), and `labels` unless an input has that name.

    Labels are classes (integers, the shape of the output without its axis 1 or without its last one), or what the
    output's own numbers should be (of as many elements as it has). Without labels the network's own answers are
    expected: its classes where the output is of shape (N, classes), its numbers otherwise.

    Raises:
        InputError: the data does not fit the network, or its output cannot be scored.

    """
    inputs = {value.name for value in model.graph.inputs}
    arrays = dict(data) if isinstance(data, Mapping) else data
    labels = arrays.pop(LABELS, None) if isinstance(arrays, dict) and LABELS not in inputs else None
    feeds = dict(checked(model, arrays, "evaluation"))
    count = min(len(array) for array in feeds.values())
    name = next((value.name for value in model.graph.outputs if value.name and value.producer() is not None), None)
    if name is None:
        raise InputError("the network computes no output, so there is nothing to evaluate")
    answers = [chunk[name] for chunk in run_in_chunks(model, [name], feeds)]
    own = np.concatenate(answers) if answers[0].ndim else np.asarray(answers)
    rest = count % (fixed_batch(model) or 1)
    if len(own) != count - rest or own.dtype.kind not in "biuf":
        raise InputError(f"output {name!r} cannot be scored: it has no number for each of the {count} samples")
    if own.dtype.kind == "f" and not np.isfinite(own).all():
        raise InputError(f"output {name!r} is NaN or infinite on the evaluation data: remove those samples")
    if labels is None:
        classes = own.dtype.kind == "f" and own.ndim == 2 and own.shape[1] > 1
        metric, decide = _measure(own, 1 if classes else None)
        return Evaluation(feeds, name, "agreement" if metric == "accuracy" else "r2", decide, decide(own), None)
    expected = _checked_labels(labels, count)[: len(own)]
    metric, decide = _measure(own, _class_axis(own, expected))
    decided = decide(own)
    if decided.size != expected.size:
        raise InputError(
            f"the evaluation's {LABELS} have shape {expected.shape} and type {expected.dtype}, and output {name!r} has "
            f"shape {own.shape}: give classes as integers, one a sample, or as many numbers as the output has"
        )
    expected = expected.reshape(decided.shape)
    return Evaluation(feeds, name, metric, decide, expected, _score(decided, expected, metric))


def _checked_labels(labels: object, count: int) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.dtype.kind not in "biuf" or array.ndim == 0 or len(array) != count:
        raise InputError(f"the evaluation has {count} samples, and its {LABELS} are {array.dtype} of {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"the evaluation's {LABELS} contain NaN or infinity: remove those samples")
    return array


def _class_axis(own: NDArray[Any], labels: NDArray[Any]) -> int | None:
    """The axis of the output that holds a score for each class; None where the output is what labels say itself."""
    if labels.dtype.kind == "f" or own.dtype.kind != "f" or own.ndim < 2:
        return None
    shapes = {axis: own.shape[:axis] + own.shape[axis + 1 :] for axis in (1, own.ndim - 1)}
    return next((axis for axis, shape in shapes.items() if shape == labels.shape and own.shape[axis] > 1), None)


def _measure(own: NDArray[Any], axis: int | None) -> tuple[Metric, Callable[[NDArray[Any]], NDArray[Any]]]:
    if axis is not None:
        return "accuracy", lambda scores: np.asarray(scores.argmax(axis))
    return "r2" if own.dtype.kind == "f" else "accuracy", np.asarray


def _score(answers: NDArray[Any], expected: NDArray[Any], metric: Metric) -> float:
    if metric != "r2":
        return float((answers == expected).mean())
    wanted = expected.astype(np.float64)
    error = float(np.square(answers - wanted).sum())
    spread = float(np.square(wanted - wanted.mean(axis=0)).sum())
    if spread == 0:  # as scikit-learn's r2_score has it
        return float(error == 0)
    return 1 - error / spread


def _answers(plan: Plan, feeds: Arrays, output: str, count: int) -> NDArray[Any]:
    """One output for the first `count` samples, (count, ...)."""
    size = fixed_batch(plan.model) or _CHUNK_SAMPLES
    constants = {value.name or "": value.const_value.numpy() for value in plan.model.graph.outputs if value.const_value}
    found = []
    with ExitStack() as stack:
        runs = [(region.inputs, _runner(plan, index, stack)) for index, region in enumerate(plan.regions)]
        for start in range(0, count, size):
            values = constants | {name: array[start : start + size] for name, array in feeds.items()}
            for inputs, run in runs:
                values |= run({name: values[name] for name in inputs})
            found.append(np.asarray(values[output]))
    return np.concatenate(found) if found[0].ndim else np.asarray(found)


def _runner(plan: Plan, index: int, stack: ExitStack) -> Callable[[Arrays], Arrays]:
    """What computes a region's outputs, by ONNX value name."""
    region = plan.regions[index]
    if region.design is not None:
        design = region.design
        return lambda inputs: _run_design(design, inputs)
    device = open_device(region.device, plan.board)
    stack.callback(device.close)
    program = device.prepare(region)
    stack.callback(program.close)
    return program.run


def _run_design(design: Design, inputs: Arrays) -> Arrays:
    """What a board that holds the design gives for floating-point inputs."""
    sources, targets = ends(design)
    raw = run_design(design, [pack(inputs[tensor.onnx_name], tensor) for tensor in sources])
    return {tensor.onnx_name: unpack(values, tensor) for tensor, values in zip(targets, raw, strict=True)}
