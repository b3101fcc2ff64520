"""What passes share: reading and adding constants, names that are not taken yet, and passes that change nothing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

# Of the standard operators, those that make a sequence or an optional from tensors.
_MAKE_SEQUENCES = frozenset({"Optional", "SequenceConstruct", "SequenceEmpty", "SequenceMap", "SplitToSequence"})


class LookingPass(ir.passes.PassBase):
    """A pass that only looks, and raises where it does not like what it sees."""

    @property
    def in_place(self) -> Literal[True]:
        """It returns the model it was given."""
        return True

    @property
    def changes_input(self) -> Literal[False]:
        """It only looks."""
        return False


class Names:
    """The names in use in a graph and its subgraphs, to choose new ones beside them."""

    def __init__(self, graph: ir.Graph) -> None:
        self._values: set[str] = set()
        self._nodes: set[str] = set()
        for part in (graph, *graph.subgraphs()):
            named = [*part.inputs, *part.initializers.values()]
            for node in part:
                self._nodes.add(node.name or "")
                named.extend(node.outputs)
            self._values.update(value.name or "" for value in named)

    def value(self, wanted: str) -> str:
        """A value name near `wanted` that nothing has yet."""
        return _unused(wanted, self._values)

    def node(self, wanted: str) -> str:
        """A node name near `wanted` that nothing has yet."""
        return _unused(wanted, self._nodes)


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


def constant_array(value: ir.Value | None) -> NDArray[Any] | None:
    """The contents of an initialiser, or None for anything else. The array must not be written to."""
    if value is None or not value.is_initializer() or value.is_graph_input() or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())


def add_constant(graph: ir.Graph, name: str, array: NDArray[Any]) -> ir.Value:
    """A new initialiser under a name that must be free."""
    tensor = ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def is_standard(node: ir.Node | None, *operators: str) -> bool:
    """Whether a node is one of these operators of the standard ONNX domain."""
    return node is not None and node.domain == "" and node.op_type in operators


def is_quant(node: ir.Node) -> bool:
    """Whether a node is a quantiser of QONNX, which gives the shape and element type that it takes."""
    domains = ("qonnx.custom_op.general", "onnx.brevitas")  # Brevitas wrote the second before QONNX had a name
    return node.domain in domains and node.op_type in ("Quant", "IntQuant", "BipolarQuant")


def sole_consumer(value: ir.Value) -> ir.Node | None:
    """The one node that reads a value, or None if there are more, none, or the value leaves the graph."""
    uses = value.uses()
    if len(uses) != 1 or value.is_graph_output():
        return None
    node = next(iter(uses)).node
    return node if node.graph is value.graph else None


def has_sequences(model: ir.Model) -> bool:
    """Whether any value is a sequence or an optional: an input is, or an operator makes one."""
    ends = any(value.type is not None and not isinstance(value.type, ir.TensorType) for value in model.graph.inputs)
    return ends or any(node.op_type in _MAKE_SEQUENCES for node in model.graph.all_nodes())
