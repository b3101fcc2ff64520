"""A network as the planner sees it: numbered nodes, what each one needs, and how much work it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from weft.host.work import operations


@dataclass(frozen=True)
class Network:
    """The nodes of a model's graph in topological order, and for each the numbers of the nodes it needs."""

    model: ir.Model
    nodes: tuple[ir.Node, ...]
    predecessors: tuple[tuple[int, ...], ...]
    work: tuple[float, ...]

    def names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """ONNX names of nodes."""
        return tuple(self.nodes[number].name or "" for number in numbers)

    def ends(self, numbers: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the values that a set of nodes takes from outside, and of those that are used outside it."""
        inside = {self.nodes[number] for number in numbers}
        inputs: dict[str, None] = {}
        outputs: dict[str, None] = {}
        wanted = set(self.model.graph.outputs)
        for node in self.nodes:
            if node not in inside:
                wanted.update(read_values(node))
        for node in (self.nodes[number] for number in numbers):
            for value in read_values(node):
                if not value.is_initializer() and value.producer() not in inside:
                    inputs[value.name or ""] = None
            outputs.update((value.name or "", None) for value in node.outputs if value in wanted)
        return tuple(inputs), tuple(outputs)


def read_network(model: ir.Model) -> Network:
    """Number a model's nodes, which ONNX keeps in topological order; nodes without a name of their own get one."""
    nodes = tuple(model.graph)
    _name_nodes(nodes)
    number = {node: index for index, node in enumerate(nodes)}
    predecessors = tuple(
        tuple(sorted({number[made] for value in read_values(node) if (made := value.producer()) in number}))
        for node in nodes
    )
    return Network(model, nodes, predecessors, tuple(float(operations(node)) for node in nodes))


def read_values(node: ir.Node) -> Iterator[ir.Value]:
    """The values of the node's own graph that it reads, those read inside its subgraphs included."""
    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        for graph in _graphs(attribute):
            for inner in ir.traversal.RecursiveGraphIterator(graph):
                yield from (value for value in inner.inputs if value is not None and value.graph is node.graph)


def _graphs(attribute: ir.Attr) -> tuple[ir.Graph, ...]:
    if attribute.type == ir.AttributeType.GRAPH:
        return (attribute.as_graph(),)
    return tuple(attribute.as_graphs()) if attribute.type == ir.AttributeType.GRAPHS else ()


def _name_nodes(nodes: Sequence[ir.Node]) -> None:
    taken: set[str] = set()
    for index, node in enumerate(nodes):
        name = node.name or f"{node.op_type}_{index}"
        while name in taken:
            name = f"{name}_{index}"
        node.name = name
        taken.add(name)
