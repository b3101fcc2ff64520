"""`Design`: one FPGA dataflow design, as hls4ml decided it.

A design is read off an hls4ml ModelGraph (`Design.from_hls4ml`), so what is simulated and what is synthesised cannot
differ. It runs itself in NumPy, bit for bit what hls4ml's compiled C++ gives (`Design.run`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import ArtefactError
from weft.hls.precision import FixedType, Integers

if TYPE_CHECKING:
    from weft.hls.firmware import Firmware

Io = Literal["io_parallel", "io_stream"]
PipelineStyle = Literal["auto", "pipeline", "dataflow"]
Value = int | float | str | bool | tuple[int, ...] | FixedType


@dataclass(frozen=True)
class Tensor:
    """A stream or array between two layers. `shape` is without the batch, channels last."""

    name: str
    shape: tuple[int, ...]
    type: FixedType
    fifo_depth: int = 1  # io_stream: elements the FIFO holds, one element being the last axis
    onnx_name: str = ""  # an end of the design: the value of the network it carries
    onnx_axes: tuple[int, ...] = ()  # an end: its axes in the network, batch not counted

    @property
    def size(self) -> int:
        """Values in one sample."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def stream_bytes(self) -> int:
        """Bytes of one sample on a board's stream."""
        return self.size * self.type.storage.itemsize


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant of a layer: raw integers and the type that gives them meaning."""

    raw: NDArray[np.int64]
    type: FixedType


@dataclass(frozen=True)
class Layer:
    """What a layer computes (`kind`, `attributes`, `weights`) and how it is built (`strategy`, `reuse_factor`)."""

    name: str
    kind: str  # hls4ml's class name without a backend prefix: Dense, Conv2D, Pooling2D, Activation, Softmax, ...
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Value] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    strategy: str = "latency"
    reuse_factor: int = 1
    onnx_nodes: tuple[str, ...] = ()  # nodes of the network that this layer computes


@dataclass(frozen=True)
class Design:
    """One dataflow design: layers in topological order, the tensors between them, and the names of its ends."""

    name: str
    io: Io
    clock_ns: float
    part: str
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    #: What the top is (hls4ml's PipelineStyle): one pipeline, or a process for each layer; `auto`: hls4ml's own choice.
    pipeline_style: PipelineStyle = "auto"
    #: Cycles between samples that one pipeline is asked for (hls4ml's PipelineInterval); None: as few as may be.
    pipeline_interval: int | None = None
    #: The ModelGraph this was read off; None for a design that was loaded. Firmware is written from it.
    graph: Any = field(default=None, repr=False, compare=False)

    @staticmethod
    def from_hls4ml(graph: Any) -> Design:
        """The design an hls4ml ModelGraph (backend Vitis or Vivado) describes, as hls4ml decided it."""
        from weft.hls.reader import read_design

        return read_design(graph)

    @staticmethod
    def from_project(folder: str | Path) -> Design:
        """The design in a folder that hls4ml's `ModelGraph.write` left (hls4ml 1.3, backend Vitis or Vivado).

        Read off the generated C++ and the weights; nothing in the folder is executed or unpickled, and hls4ml need not
        be installed. Raises ArtefactError, which names the layer or file, for what is damaged or not understood.
        """
        from weft.hls.project.reader import read_project

        return read_project(Path(folder))

    def run(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> Integers | list[Integers]:
        """Raw integers (int64, (N, *shape)) of the output, or a list of them where there are several.

        `inputs`: one array (N, *shape), or a list of them where the design has several inputs; floats are quantised
        by the input's type, integers are taken as raw values. Bit for bit what hls4ml's compiled C++ gives.
        """
        from weft.hls.execution import run_design

        outputs = run_design(self, inputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def predict(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> NDArray[Any] | list[NDArray[Any]]:
        """`run`, with the outputs as the float64 values they stand for."""
        from weft.hls.execution import run_design

        types = [self.tensors[name].type for name in self.outputs]
        values = [kind.to_float(raw) for kind, raw in zip(types, run_design(self, inputs), strict=True)]
        return values if len(values) > 1 else values[0]

    def with_fifo_depths(self, depths: Mapping[str, int]) -> Design:
        """The design with other FIFO depths, by tensor; those not named stay. Firmware written from it has them too."""
        tensors = {
            name: replace(tensor, fifo_depth=depths.get(name, tensor.fifo_depth))
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=tensors)

    def firmware(self, folder: str | Path | None = None) -> Firmware:
        """The design as C++, compiled by g++: `.run` gives the same integers as this design's `run`.

        The project is written (`write`) to `folder`, or to a temporary one.
        """
        from weft.hls.firmware import compile_firmware

        with tempfile.TemporaryDirectory() as aside:
            firmware = compile_firmware(self.write(folder or Path(aside) / self.name))
        # hls4ml drops a Flatten that moves no value, so its ends may have another shape of the same values.
        firmware.inputs, firmware.outputs = self._ports(self.inputs), self._ports(self.outputs)
        return firmware

    def write(self, folder: str | Path) -> Path:
        """Write the Vitis HLS project (`weft.hls.firmware.write_firmware`) with this design's FIFO depths.

        Raises ArtefactError for a design that was loaded, which has no hls4ml graph to write.
        """
        from weft.hls.firmware import write_firmware

        if self.graph is None:
            raise ArtefactError(
                f"design {self.name} was loaded and has no hls4ml graph to write firmware from: "
                "use weft.hls.firmware.compile_firmware on a project that was written"
            )
        for node in self.graph.get_layers():
            for name in node.outputs:
                variable = node.get_output_variable(name)
                if isinstance(variable.pragma, tuple) and variable.pragma[0] == "stream":
                    variable.pragma = ("stream", self.tensors[name].fifo_depth)
        return write_firmware(self.graph, folder)

    def _ports(self, names: Sequence[str]) -> tuple[Tensor, ...]:
        return tuple(self.tensors[name] for name in names)

    def save(self, folder: str | Path) -> None:
        """Write design.json and weights.npz into `folder`, which is made."""
        from weft.hls.archive import save_design

        save_design(self, Path(folder))

    @staticmethod
    def load(folder: str | Path) -> Design:
        """Read what `save` wrote. Raises ArtefactError for anything else."""
        from weft.hls.archive import load_design

        return load_design(Path(folder))

    def to_bytes(self) -> bytes:
        """The whole design as one zip archive of design.json and weights.npz."""
        from weft.hls.archive import pack_design

        return pack_design(self)

    @staticmethod
    def from_bytes(data: bytes) -> Design:
        """Read what `to_bytes` gave. Raises ArtefactError for anything else."""
        from weft.hls.archive import unpack_design

        return unpack_design(data)
