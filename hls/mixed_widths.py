"""Eight bits, with the layers that lose most by them at sixteen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.hls.calibrate import Arrays, Choice, checked, fixed_batch, run_in_chunks
from weft.hls.compress import activation_types, quantise
from weft.hls.passes.editing import sole_consumer
from weft.hls.passes.quantise_activations import is_linear, quantised_tensors
from weft.hls.passes.quantise_weights import QuantiseWeightsPass

_STEPS = (1, 2, 4)  # layers at 16 bits: more than a few, and all of them might as well be
_MOST_SAMPLES, _MOST_RUNS = 32, 1024  # a layer, and of all layers together: seconds for networks of megabytes


def widened(model: ir.Model, calibration: Arrays | NDArray[np.generic]) -> Iterator[tuple[tuple[str, ...], ir.Model]]:
    """The network as recipe "fixed8" makes it, but with the 1, 2 and 4 most sensitive layers at 16 bits.

    A layer is a MatMul, Conv or Gemm; its weights, what it reads and its result have 16 bits then. It is the more
    sensitive the less squared error is left at the network's outputs where it alone has 16 bits (each layer on its own,
    as in HAWQ, arXiv 1905.03696, which takes the Hessian in place of the error). At least half of the layers keep 8.

    Args:
        model: a float network, loaded. It is not changed.
        calibration: as for `compress`; types are chosen and layers are compared on it.

    Yields:
        Names of the wide layers, the most sensitive first, and the network.

    Raises:
        InputError: the calibration data does not fit, or the network fails on it.

    """
    data = checked(model, calibration)
    mixer = _Mixer(model, activation_types(model, 8, True, data), activation_types(model, 16, True, data))
    layers = [node.name or "" for node in model.graph if is_linear(node)]
    steps = [count for count in _STEPS if 2 * count <= len(layers)]
    ranked = _by_sensitivity(mixer, layers, data) if steps else []
    for count in steps:
        yield tuple(ranked[:count]), mixer.mixed(ranked[:count])


@dataclass(frozen=True)
class _Mixer:
    """A float network and the types of its activations at 8 and at 16 bits."""

    model: ir.Model
    narrow: Mapping[str, Choice]
    wide: Mapping[str, Choice]

    def mixed(self, layers: Collection[str]) -> ir.Model:
        """The network with these layers at 16 bits."""
        owners = quantised_tensors(self.model.graph)
        nodes = [node for node in self.model.graph if node.name in layers]
        ends = [value for node in nodes for value in (node.inputs[0], _result(node, owners))]
        wide = {owners.get(value.name or "") for value in ends if value is not None}
        types = {name: (self.wide if owner in wide else self.narrow)[name] for name, owner in owners.items()}
        return quantise(self.model, types, QuantiseWeightsPass(8, layers))


def _result(layer: ir.Node, owners: Mapping[str, str]) -> ir.Value | None:
    """The tensor with a type at the end of a layer's group: of itself, its bias, its batch normalisation, its Relu."""
    value = layer.outputs[0]
    while value.name not in owners:
        reader = sole_consumer(value)
        if reader is None:
            return None
        value = reader.outputs[0]
    return value


def _by_sensitivity(mixer: _Mixer, layers: Sequence[str], data: Arrays) -> list[str]:
    count = max(1, min(_MOST_SAMPLES, _MOST_RUNS // len(layers)))
    few = {name: array[: max(count, fixed_batch(mixer.model))] for name, array in data.items()}
    names = [value.name or "" for value in mixer.model.graph.outputs if value.dtype == ir.DataType.FLOAT]
    expected = _outputs(mixer.model, names, few)
    left = {layer: _error(expected, _outputs(mixer.mixed([layer]), names, few)) for layer in layers}
    return sorted(layers, key=lambda layer: left[layer])


def _outputs(model: ir.Model, names: Sequence[str], data: Arrays) -> list[NDArray[np.float64]]:
    chunks = list(run_in_chunks(model, names, data))
    return [np.concatenate([np.asarray(chunk[name], np.float64) for chunk in chunks], axis=None) for name in names]


def _error(expected: Sequence[NDArray[np.float64]], actual: Sequence[NDArray[np.float64]]) -> float:
    """Squared error over all outputs, each as a share of what its squares add up to."""
    pairs = zip(expected, actual, strict=True)
    return sum(float(np.square(a - e).sum() / max(np.square(e).sum(), 1e-300)) for e, a in pairs)
