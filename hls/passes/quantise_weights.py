"""Weights as integers, each behind a DequantizeLinear."""

from __future__ import annotations

from collections.abc import Collection
from math import floor, log2
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.hls.calibrate import Choice, choose_type
from weft.hls.passes.editing import Names, add_constant, constant_array, is_standard
from weft.hls.passes.quantise_activations import bias_of, quantisation
from weft.hls.precision import FixedType

BIAS_WIDTH = 32  # what QLinearConv and the integer layers of ONNX Runtime take

# Where a constant operand is a weight: operator to input places.
_WEIGHT_PLACES: dict[str, tuple[int, ...]] = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "Gather": (0,),
    "PRelu": (1,),
    **dict.fromkeys(("Add", "Sub", "Mul", "Max", "Min", "Sum", "Concat"), ()),  # every place
}


class QuantiseWeightsPass(ir.passes.InPlacePass):
    """Stores float32 weights as `width`-bit integers and biases as 32-bit ones with the scale of input times weight.

    The weights of the nodes that `wide` names have 16 bits. Requires quantised activations. `choices` tells afterwards
    which type each tensor has; dequantised tensors keep the name, the integers are `<name>_integers`.
    """

    def __init__(self, width: int, wide: Collection[str] = ()) -> None:
        super().__init__()
        self.width, self.wide = width, wide
        self.choices: dict[str, Choice] = {}

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Quantise weights first, because a bias's scale depends on them."""
        worker = _Worker(model.graph, self.choices)
        biases: list[tuple[ir.Node, int, ir.Node]] = []
        for node in tuple(model.graph):
            added = bias_of(node)
            if added is not None:
                biases.append((node, added[1], added[0]))
            elif is_standard(node, "Conv", "ConvTranspose", "Gemm") and len(node.inputs) > 2:
                biases.append((node, 2, node))
        taken = {(node, place) for node, place, _ in biases}
        worker.make_room([bias for bias in biases if self._width(bias[2]) == 8], 8)
        for node in tuple(model.graph):
            for place in _places(node):
                if (node, place) not in taken:
                    worker.weight(node, place, self._width(node))
        for node, place, linear in biases:
            worker.bias(node, place, linear)
        return ir.passes.PassResult(model, modified=bool(self.choices))

    def _width(self, node: ir.Node) -> int:
        return 16 if node.name in self.wide else self.width


def _places(node: ir.Node) -> range | tuple[int, ...]:
    places = _WEIGHT_PLACES.get(node.op_type) if node.domain == "" else None
    if places is None:
        return ()
    return places or range(len(node.inputs))


class _Worker:
    """Edits one graph; a weight that several nodes read is stored once."""

    def __init__(self, graph: ir.Graph, choices: dict[str, Choice]) -> None:
        self._graph, self._choices = graph, choices
        self._names = Names(graph)
        self._scales: dict[str, ir.Value] = {}
        self._done: dict[ir.Value, ir.Value] = {}
        self._least: dict[ir.Value, int] = {}  # integer bits that a weight must have for its bias's sake

    def make_room(self, biases: list[tuple[ir.Node, int, ir.Node]], width: int) -> None:
        """Make weights coarse enough for their biases to fit 32 bits at the scale of input times weight.

        ONNX Runtime's 8-bit layers take that scale for granted (1.32). A bias that large drowns what is lost: the
        products then are below 2**-17 of it each.
        """
        for node, place, linear in biases:
            bias, scale, weight = _float_constant(node.inputs[place]), _scale_of(linear.inputs[0]), linear.inputs[1]
            if bias is not None and scale is not None and weight is not None:
                needed = width + _integer_bits(bias) - BIAS_WIDTH - round(log2(scale))
                self._least[weight] = max(needed, self._least.get(weight, needed))

    def weight(self, node: ir.Node, place: int, width: int) -> None:
        """Quantise a constant operand; anything else stays."""
        value = node.inputs[place]
        array = _float_constant(value)
        if value is None or array is None or value.is_graph_output():
            return
        if value not in self._done:
            choice = choose_type(array, width)
            least = self._least.get(value, choice.type.integer)
            if least > choice.type.integer:
                choice = _measured(FixedType(width, least, True, "RND_CONV", "SAT"), array)
            self._done[value] = self._store(node, value, array, choice, width)
        node.replace_input_with(place, self._done[value])

    def bias(self, node: ir.Node, place: int, linear: ir.Node) -> None:
        """The scale is input times weight, as integer kernels need it, unless 32 bits cannot hold the bias then."""
        value = node.inputs[place]
        array = _float_constant(value)
        scales = [_scale_of(operand) for operand in linear.inputs[:2]]
        if value is None or array is None or value.is_graph_output() or None in scales:
            return
        integer = max(BIAS_WIDTH + round(sum(log2(scale) for scale in scales if scale)), _integer_bits(array))
        kind = FixedType(BIAS_WIDTH, integer, True, "RND_CONV", "SAT")
        choice = _measured(kind, array)
        output = node.outputs[0].shape
        if is_standard(linear, "MatMul") and output is not None and len(output) > 2:
            # ONNX Runtime 1.32 turns such a MatMul with a bias vector into a Gemm whose 8-bit types contradict.
            array = array.reshape([1] * (len(output) - 1) + [-1])
        node.replace_input_with(place, self._store(node, value, array, choice, BIAS_WIDTH))

    def _store(self, node: ir.Node, value: ir.Value, array: NDArray[Any], choice: Choice, width: int) -> ir.Value:
        """Integers and their DequantizeLinear before `node`; the dequantised value takes over the name if it can."""
        name, kind = value.name or "", choice.type
        integers = kind.quantise(array).astype(f"int{width}")
        constants = quantisation(self._graph, kind, self._names, self._scales, width=width)
        stored = add_constant(self._graph, self._names.value(f"{name}_integers"), integers)
        result = ir.Value(name=self._names.value(f"{name}_fixed"), type=value.type, shape=ir.Shape(array.shape))
        if name not in self._choices:  # the first form takes the name; a bias shared by two layers has two
            value.name, result.name = self._names.value(f"{name}_float"), name
        dequantise = ir.Node(
            "",
            "DequantizeLinear",
            [stored, *constants],
            outputs=[result],
            name=self._names.node(f"{name}_dequantise"),
        )
        self._graph.insert_before(self._graph[0], dequantise)
        self._choices[result.name or ""] = choice
        return result


def signal_to_noise_db(values: NDArray[Any], stored: NDArray[Any]) -> float:
    """10 log10 of the power of `values` over the power of what `stored` differs by; infinite where nothing does."""
    power = float(np.square(values, dtype=np.float64).sum())
    noise = float(np.square(stored - values.astype(np.float64)).sum())
    return float(10 * np.log10(power / noise)) if noise > 0 and power > 0 else float("inf")


def _measured(kind: FixedType, array: NDArray[Any]) -> Choice:
    return Choice(kind, signal_to_noise_db(array, kind.to_float(kind.quantise(array))))


def _integer_bits(array: NDArray[Any]) -> int:
    """Integer bits, sign included, of the smallest signed type that does not clip the array."""
    largest = float(np.abs(array).max())
    return floor(log2(largest)) + 2 if largest > 0 else -BIAS_WIDTH * 4


def _float_constant(value: ir.Value | None) -> NDArray[Any] | None:
    array = constant_array(value)
    return array if array is not None and array.dtype == np.float32 and array.size else None


def _scale_of(value: ir.Value | None) -> float | None:
    """The scale of a dequantised value."""
    producer = value.producer() if value is not None else None
    if not is_standard(producer, "DequantizeLinear") or producer is None:
        return None
    scale = constant_array(producer.inputs[1])
    return float(scale.item()) if scale is not None and scale.size == 1 else None
