"""Puts a Design together from the parts of a project: the top's calls, the structs they name, and the weights.

hls4ml 1.3 keeps no state of a ModelGraph in a project (its `.fml` files are made on request only), and what it does
keep of the model is Python objects. The generated C++ is what is synthesised, so it is what is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from weft.boards.errors import ArtefactError, InputError
from weft.hls.consistency import check_design
from weft.hls.design import Design, Layer, Tensor
from weft.hls.project.cpp import Call, Carried, Top, Variable, read_structs, read_top, read_types
from weft.hls.project.files import check_version, input_shapes, read_settings, read_text
from weft.hls.project.kernels import Shape
from weft.hls.project.step import Step, resolve
from weft.hls.project.weights import read_weights

_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
_LARGEST = 1 << 31  # values of one tensor


def read_project(folder: Path) -> Design:
    """The design in a project of hls4ml 1.3 with backend Vitis or Vivado; its integers are those of the ModelGraph that
    wrote it. Raises ArtefactError, which names the file, layer or struct, for anything that is not understood."""
    if not folder.is_dir():
        raise ArtefactError(f"{str(folder)!r} is no folder: give the one that hls4ml wrote")
    settings = read_settings(folder)
    check_version(folder, settings.backend)
    types = read_types(read_text(folder, "firmware/defines.h"))
    structs = read_structs(read_text(folder, "firmware/parameters.h"), types)
    top = read_top(read_text(folder, f"firmware/{settings.name}.cpp"), settings.name)
    steps = [resolve(call, structs) for call in top.calls]
    reading = _Reading(folder, types, top, steps, input_shapes(folder))
    reading.read()
    named = reading.tensor_names
    design = Design(
        name=settings.name,
        io="io_stream" if top.stream else "io_parallel",
        clock_ns=settings.clock_ns,
        part=settings.part,
        layers=tuple(reading.layers.values()),
        tensors=reading.tensors,
        inputs=tuple(named[port.name] for port in top.ports if port.name in reading.sources),
        outputs=tuple(named[port.name] for port in top.ports if port.name not in reading.sources),
        pipeline_style=top.pipeline_style,
        pipeline_interval=top.pipeline_interval,
    )
    try:
        check_design(design)
    except InputError as error:
        raise ArtefactError(f"the project in {str(folder)!r} cannot be used: {error}") from None
    return design


def read_calls(folder: Path) -> dict[str, Call]:
    """The top function's calls by layer: what the tools name a layer's module after."""
    name = read_settings(folder).name
    return {call.layer: call for call in read_top(read_text(folder, f"firmware/{name}.cpp"), name).calls}


@dataclass
class _Reading:
    """A project on its way to a design: layers and tensors so far, and which tensor a C++ variable is."""

    folder: Path
    types: dict[str, Carried]
    top: Top
    steps: list[Step]
    shapes: dict[str, Shape]  # of the inputs
    layers: dict[str, Layer] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    tensor_names: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, Shape] = field(default_factory=dict)  # of a variable, by who reads it
    sources: set[str] = field(default_factory=set)

    def read(self) -> None:
        """Every layer, in the order of the calls."""
        written = {name for step in self.steps for name in step.outputs}
        for step in reversed(self.steps):
            self._note_wanted(step)
        for port in self.top.ports:
            if port.name not in written:
                self._read_input(port)
        for step in self.steps:
            self._read_step(step)
            for name in step.outputs:
                self._read_renamed(name)

    def _note_wanted(self, step: Step) -> None:
        """What shape a step's inputs have, as far as it or those behind it say."""
        behind = self._dims(step.outputs[0]) or self.wanted.get(step.outputs[0], ())
        for number, name in enumerate(step.inputs):
            shape = step.reads(number)
            if step.kernel.kind == "Merge" and prod(behind) != prod(shape):
                continue  # repeated: how its values lie cannot be told from here
            if step.kernel.kind == "Merge" or (not shape and step.kernel.kind not in ("Repack", "Concatenate")):
                shape = behind  # values stay where they are
            if shape:
                self.wanted.setdefault(name, shape)

    # ------------------------------------------------------------ layers

    def _read_input(self, port: Variable) -> None:
        shape = port.dims or self.shapes.get(port.name) or self.wanted.get(port.name)
        if not shape:
            raise ArtefactError(f"hls4ml_config.yml of {str(self.folder)!r} has no InputShapes of {port.name}")
        self.sources.add(port.name)
        tensor = self._add_tensor(port.name, port.name, shape, self._carried(port.type, port.name))
        self._add_layer(Layer(port.name, "Input", (), (port.name,), {"input_shape": shape, "result_t": tensor.type}))
        self._read_renamed(port.name)

    def _read_renamed(self, source: str) -> None:
        """The Reshapes of a variable that was just written, and theirs: they are declared before any call."""
        waiting = [source]
        while waiting:
            source = waiting.pop()
            for name in self.top.renamed.get(source, ()):
                self._read_reshape(name, source, name.removesuffix("_out"), "Reshape")
                waiting.append(name)

    def _read_reshape(self, variable: str, source: str, layer: str, kind: str) -> None:
        """A Reshape gives its shape nowhere: it is the one that the next layer wants, and flat where none says."""
        tensor = self._tensor(source, layer)
        declared = self.top.variables.get(variable)
        carried = self._carried(declared.type, layer) if declared else Carried(tensor.type)
        shape = self._dims(variable) or self.wanted.get(variable, ())
        if not shape and carried.packed and tensor.size % carried.packed == 0:
            shape = (tensor.size // carried.packed, carried.packed)
        made = self._add_tensor(variable, layer, shape or (tensor.size,), carried)
        if made.size != tensor.size:
            raise ArtefactError(f"layer {layer} makes {made.size} values of {tensor.size}: the project is damaged")
        self._add_layer(Layer(layer, kind, (tensor.name,), (made.name,)))

    def _read_step(self, step: Step) -> None:
        if step.kernel.kind == "Repack":
            self._read_reshape(step.outputs[0], step.inputs[0], step.layer, "Repack")
            return
        inputs = [self._tensor(name, step.layer) for name in step.inputs]
        for number, tensor in enumerate(inputs):
            shape = step.reads(number)
            if shape and prod(shape) != tensor.size:
                raise ArtefactError(f"layer {step.layer} reads {prod(shape)} values, and {tensor.size} are given to it")
        shape = step.writes([tensor.shape for tensor in inputs])
        # A layer's output is named as the layer, a Clone's after what it copies, as hls4ml names them.
        copies = [f"{inputs[0].name}_cpy{number + 1}" for number in range(len(step.outputs))]
        titles = copies if step.kernel.kind == "Clone" else [step.layer]
        for name, title in zip(step.outputs, titles, strict=True):
            self._add_output(step, name, title, shape)
        self._add_layer(
            Layer(
                name=step.layer,
                kind=step.kernel.kind,
                inputs=tuple(tensor.name for tensor in inputs),
                outputs=tuple(titles),
                attributes=step.attributes(inputs[0].shape, stream=self.top.stream),
                weights=read_weights(self.folder, step, self.types),
                strategy=step.strategy,
                reuse_factor=step.reuse_factor,
            )
        )

    def _add_output(self, step: Step, name: str, title: str, shape: Shape) -> None:
        if name not in self.top.variables:
            raise ArtefactError(f"layer {step.layer} writes {name}, which {str(self.folder)!r} does not declare")
        variable = self.top.variables[name]
        if variable.dims and prod(variable.dims) != prod(shape):
            raise ArtefactError(f"layer {step.layer} writes {prod(shape)} values to an array of {prod(variable.dims)}")
        self._add_tensor(name, title, shape, self._carried(variable.type, step.layer))

    def _add_layer(self, layer: Layer) -> None:
        if not _NAME.fullmatch(layer.name) or layer.name in self.layers:
            raise ArtefactError(f"layer {layer.name[:100]!r} is there twice or no C++ name: rename it in the model")
        self.layers[layer.name] = layer

    # ------------------------------------------------------------ tensors

    def _dims(self, variable: str) -> Shape:
        """Extents of an array; () for a stream and for what is not declared."""
        declared = self.top.variables.get(variable)
        return declared.dims if declared else ()

    def _carried(self, name: str, layer: str) -> Carried:
        if name not in self.types:
            raise ArtefactError(f"{layer} has type {name}: weft reads ap_fixed, ap_int and nnet::array of them")
        return self.types[name]

    def _tensor(self, variable: str, layer: str) -> Tensor:
        if variable not in self.tensor_names:
            raise ArtefactError(f"layer {layer} reads {variable}, which nothing before it writes: there is a cycle")
        return self.tensors[self.tensor_names[variable]]

    def _add_tensor(self, variable: str, name: str, shape: Shape, carried: Carried) -> Tensor:
        if name in self.tensors or not _NAME.fullmatch(name):
            raise ArtefactError(f"tensor {name[:100]!r} is there twice or no C++ name: rename the layer in the model")
        if not 0 < prod(shape) < _LARGEST or (carried.packed and shape[-1] != carried.packed):
            raise ArtefactError(f"tensor {name} has shape {shape}, which its C++ type does not carry")
        # The FIFOs at the ends have no pragma; hls4ml gives them room for a whole sample.
        depth = self.top.depths.get(variable, prod(shape[:-1])) if self.top.stream else 1
        self.tensors[name] = Tensor(name, shape, carried.type, depth)
        self.tensor_names[variable] = name
        return self.tensors[name]
