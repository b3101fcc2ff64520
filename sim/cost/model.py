"""What a layer's cost depends on besides the layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from weft.boards.errors import InputError
from weft.hls.design import Design, Layer, Tensor
from weft.sim.cost.family import Fabric
from weft.sim.cost.pipeline import is_dataflow
from weft.sim.cost.timing import Timing, drained
from weft.sim.cost.tool import NEWEST_TOOL, checked_tool, is_vitis

if TYPE_CHECKING:
    from weft.sim.cost.correction import Corrections

__all__ = ["NEWEST_TOOL", "Context", "checked_tool"]


@dataclass(frozen=True)
class Context:
    """What a layer's cost depends on besides the layer."""

    design: Design
    fabric: Fabric
    clock_ns: float
    tool: str = NEWEST_TOOL
    corrections: Corrections = field(default_factory=dict)

    @property
    def stream(self) -> bool:
        """Whether layers pass single elements through FIFOs (io_stream) instead of whole arrays (io_parallel)."""
        return self.design.io == "io_stream"

    @property
    def dataflow(self) -> bool:
        """Whether the layers are processes of their own (DATAFLOW) or all one pipeline."""
        return is_dataflow(self.design)

    def paced(self, timing: Timing) -> Timing:
        """A pixel loop's timing: from Vitis HLS 2024.1 on it rewinds, so that the next sample need not wait for the
        pipeline to drain (conv1d 393 and interval 390, relu 129 and 128); before, interval = latency (layers.csv)."""
        rewinds = is_vitis(self.tool) and self.tool >= "vitis-2024"
        return timing if rewinds else drained(timing)

    def source(self, layer: Layer) -> Tensor:
        """A layer's first input, in io_stream as it is carried: a Reshape only renames its input's FIFO."""
        tensor = self._tensor(layer, layer.inputs)
        return self.carried(tensor) if self.stream else tensor

    def result(self, layer: Layer) -> Tensor:
        """A layer's first output."""
        return self._tensor(layer, layer.outputs)

    def carried(self, tensor: Tensor) -> Tensor:
        """The tensor whose FIFO carries this one: the input of the Reshapes that made it, or itself."""
        for layer in self._reshapes:
            if tensor.name in layer.outputs:
                tensor = self._tensor(layer, layer.inputs)
        return tensor

    @cached_property
    def _reshapes(self) -> tuple[Layer, ...]:
        """The last first."""
        return tuple(layer for layer in reversed(self.design.layers) if layer.kind == "Reshape")

    def _tensor(self, layer: Layer, names: tuple[str, ...]) -> Tensor:
        if not names or names[0] not in self.design.tensors:
            raise InputError(f"layer {layer.name} of design {self.design.name} lacks a tensor: the design is damaged")
        return self.design.tensors[names[0]]

    def registers(self, delay_ns: float) -> int:
        """Pipeline registers for a delay at this clock."""
        return self.fabric.registers(delay_ns, self.clock_ns)
