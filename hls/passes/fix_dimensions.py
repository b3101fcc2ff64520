"""Give free dimensions of a network's inputs a size, as ONNX Runtime's free dimension overrides do."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from weft.boards.errors import ModelError


class FixDimensionsPass(ir.passes.InPlacePass):
    """Gives each dimension that `sizes` names its size, wherever a value states it.

    Raises ModelError for a size below 1, and for a name that no input's dimension has.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = sizes

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fix them; what other values' dimensions follow from them is for shape inference."""
        free = free_dimensions(model.graph)
        for name, size in self.sizes.items():
            if name not in free:
                raise ModelError(f"no input has a free dimension {name!r}: there is {', '.join(free) or 'none'}")
            if size < 1:
                raise ModelError(f"dimension {name!r} cannot have size {size}: give 1 or more")
        values = ir.convenience.create_value_mapping(model.graph, include_subgraphs=True).values()
        for value in {*model.graph.inputs, *values} if self.sizes else ():
            if value.shape is not None:
                value.shape = ir.Shape([self._fixed(dim) for dim in value.shape])
        return ir.passes.PassResult(model, modified=bool(self.sizes))

    def _fixed(self, dim: int | ir.SymbolicDim) -> int | ir.SymbolicDim:
        return dim if isinstance(dim, int) or dim.value is None else self.sizes.get(dim.value, dim)


def free_dimensions(graph: ir.Graph | ir.Function) -> list[str]:
    """Names of the free dimensions of a graph's inputs, in order."""
    dims = [dim for value in graph.inputs for dim in value.shape or ()]
    return list(dict.fromkeys(dim.value for dim in dims if isinstance(dim, ir.SymbolicDim) and dim.value))


def size_advice(graph: ir.Graph | ir.Function) -> str:
    """How to fix the free dimensions of a graph's inputs that are not the first, the batch; empty without any."""
    batches = {str(value.shape[0]) for value in graph.inputs if value.shape}
    free = [name for name in free_dimensions(graph) if name not in batches]
    if not free:
        return ""
    return f"give {' and '.join(free)} a size (dimensions={{{free[0]!r}: 128}}, --dimension {free[0]}=128)"
