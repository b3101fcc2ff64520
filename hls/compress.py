"""`compress`: a float network to fixed point, as standard ONNX that ONNX Runtime runs as it is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log10, sqrt
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from weft.boards.errors import InputError
from weft.hls.calibrate import Arrays, Choice, checked, choose_types, random_samples, run_in_chunks
from weft.hls.load import load
from weft.hls.passes.editing import is_standard
from weft.hls.passes.infer_shapes import InferShapesPass
from weft.hls.passes.quantise_activations import QuantiseActivationsPass, quantised_tensors
from weft.hls.passes.quantise_weights import QuantiseWeightsPass
from weft.hls.passes.upgrade_opset import TARGET_OPSET
from weft.hls.precision import FixedType
from weft.hls.quantised import is_quantised

__all__ = ["Compressed", "CompressionReport", "OutputError", "Recipe", "compress"]

Recipe = Literal["fixed8", "fixed16", "int8"]


@dataclass(frozen=True)
class OutputError:
    """How far one output is from the float network's on the calibration data."""

    maximum: float
    root_mean_square: float
    signal_to_noise_db: float
    same_class: float | None  # fraction of samples with the same largest value; None unless the shape is (N, classes)


@dataclass(frozen=True)
class CompressionReport:
    """What compression did, by tensor name for weights and activations alike.

    A tensor that keeps the type of the one it was made from is listed with that one's signal to noise ratio.
    """

    recipe: Recipe
    bytes_before: int  # of the ONNX file
    bytes_after: int
    types: Mapping[str, FixedType]
    signal_to_noise_db: Mapping[str, float]
    output_error: Mapping[str, OutputError]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Compressed:
    """A compressed network and what that cost."""

    model: ir.Model
    report: CompressionReport


def compress(
    model: str | Path | bytes | onnx.ModelProto | ir.Model,
    recipe: Recipe = "fixed8",
    *,
    calibration: Mapping[str, NDArray[np.generic]] | NDArray[np.generic] | None = None,
) -> Compressed:
    """Quantise weights and activations to fixed point with power-of-two scales and zero point 0.

    Every float32 input, and every result of a layer, gets a QuantizeLinear and DequantizeLinear; a MatMul, Conv or Gemm
    is one layer with its bias and the Relu or Clip behind it. Reshape, Transpose, MaxPool, Relu of a quantised tensor
    and their like keep their input's type. Softmax gives fractions in 0 to 1 (fixed8: ufixed<8,0>). Weights have one
    scale each, biases are 32-bit with the scale of input times weight. The scale is the one with the least squared
    error on the calibration data, of 16-bit activations the one with twice the data's range; rounding is to nearest
    even and values saturate (RND_CONV, SAT).

    Args:
        model: anything `load` takes, not yet quantised. It is not changed.
        recipe: "fixed8" and "fixed16" use unsigned types where values are never negative, "int8" only signed ones.
        calibration: representative inputs, shape (N, ...), by input name or as one array; None draws random ones,
            with a warning.

    Raises:
        InputError: the model is quantised already, the recipe is unknown, or the calibration data does not fit.
        ModelError: what `load` raises.

    """
    if recipe not in get_args(Recipe):
        raise InputError(f"recipe {recipe!r} is not known: use one of {', '.join(get_args(Recipe))}")
    original = load(model)
    if is_quantised(original):
        raise InputError("the model is quantised already: give compress the float model it was made from")
    if original.graph.opset_imports.get("", TARGET_OPSET) < TARGET_OPSET:
        raise InputError(f"the model could not be brought to opset {TARGET_OPSET}: export it with that opset")
    data = random_samples(original) if calibration is None else checked(original, calibration)
    sentences = []
    if calibration is None:
        sentences.append("No calibration data was given, so types were chosen on random inputs: accuracy may suffer.")
        warnings.warn(sentences[0], stacklevel=2)
    result, choices, done = _quantised(original, recipe, data)
    report = CompressionReport(
        recipe,
        bytes_before=_size(original),
        bytes_after=_size(result),
        types={name: choice.type for name, choice in choices.items()},
        signal_to_noise_db={name: choice.signal_to_noise_db for name, choice in choices.items()},
        output_error=_output_error(original, result, data),
        sentences=(*sentences, *done),
    )
    return Compressed(result, report)


def _quantised(original: ir.Model, recipe: Recipe, data: Arrays) -> tuple[ir.Model, dict[str, Choice], list[str]]:
    width, unsigned = (16 if recipe == "fixed16" else 8), recipe != "int8"
    activations = activation_types(original, width, unsigned, data)
    weights = QuantiseWeightsPass(width)
    model = quantise(original, activations, weights)
    return model, {**activations, **weights.choices}, _sentences(original, width, activations, weights.choices)


def quantise(original: ir.Model, activations: Mapping[str, Choice], weights: QuantiseWeightsPass) -> ir.Model:
    """A copy of a float network with these types for activations, and what the pass makes of its weights."""
    steps = ir.passes.Sequential(
        QuantiseActivationsPass({name: choice.type for name, choice in activations.items()}),
        weights,
        common.RemoveUnusedNodesPass(),
        InferShapesPass(),
        common.CheckerPass(),
    )
    return steps(original.clone()).model


def activation_types(model: ir.Model, width: int, unsigned: bool, data: Arrays) -> dict[str, Choice]:
    """Types of `width` bits for the tensors that `quantised_tensors` lists; see `choose_types`."""
    owners = quantised_tensors(model.graph)
    # Softmax gives 0 to 1 whatever the data; the largest code stands for 1.
    fraction = FixedType(width, 0 if unsigned else 1, not unsigned, "RND_CONV", "SAT")
    given = {node.outputs[0].name or "": fraction for node in model.graph if is_standard(node, "Softmax")}
    choices = choose_types(model, sorted(set(owners.values())), data, width, unsigned, given)
    return {name: choices[owner] for name, owner in owners.items()}


def _sentences(
    model: ir.Model, width: int, activations: Mapping[str, Choice], weights: Mapping[str, Choice]
) -> list[str]:
    biases = sum(choice.type.width != width for choice in weights.values())
    lines = [
        f"{len(activations)} activations and {len(weights) - biases} weights have {width} bits, "
        f"{biases} biases 32 bits, all with power-of-two scales."
    ]
    worst = min(activations, key=lambda name: activations[name].signal_to_noise_db, default=None)
    if worst is not None:
        noise = activations[worst].signal_to_noise_db
        lines.append(f"The least exact activation is {worst!r}, {activations[worst].type}, at {noise:.1f} dB.")
    other = [v.name for node in model.graph for v in node.outputs if _is_other_float(v)]
    if other:
        lines.append(f"Tensors that are not float32 stay as they are, {other[0]!r} for one ({len(other)} in all).")
    return lines


def _is_other_float(value: ir.Value) -> bool:
    return value.dtype is not None and value.dtype.is_floating_point() and value.dtype != ir.DataType.FLOAT


def _size(model: ir.Model) -> int:
    return int(ir.to_proto(model).ByteSize())


def _output_error(before: ir.Model, after: ir.Model, data: Arrays) -> dict[str, OutputError]:
    names = [value.name or "" for value in before.graph.outputs if value.dtype == ir.DataType.FLOAT]
    sums = {name: _Difference() for name in names}
    pairs = zip(run_in_chunks(before, names, data), run_in_chunks(after, names, data), strict=True)
    for expected, actual in pairs if names else ():
        for name in names:
            sums[name].add(np.asarray(expected[name], np.float64), np.asarray(actual[name], np.float64))
    return {name: difference.result() for name, difference in sums.items()}


class _Difference:
    """Error of one output, added up over chunks."""

    def __init__(self) -> None:
        self._maximum = self._noise = self._power = 0.0
        self._values = self._samples = self._same = 0
        self._classes = True

    def add(self, expected: NDArray[np.float64], actual: NDArray[np.float64]) -> None:
        error = np.abs(expected - actual)
        self._maximum = max(self._maximum, float(error.max(initial=0.0)))
        self._noise += float(np.square(error).sum())
        self._power += float(np.square(expected).sum())
        self._values += error.size
        self._classes &= expected.ndim == 2 and expected.shape[1] > 1
        if self._classes:
            self._samples += len(expected)
            self._same += int((expected.argmax(1) == actual.argmax(1)).sum())

    def result(self) -> OutputError:
        known = self._classes and self._samples > 0
        return OutputError(
            self._maximum,
            sqrt(self._noise / max(self._values, 1)),
            10 * log10(self._power / self._noise) if self._noise > 0 and self._power > 0 else inf,
            self._same / self._samples if known else None,
        )
