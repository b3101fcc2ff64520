"""Puts a Design together from the parts of a project: the top's calls, the structs they name, and the weights.

hls4ml 1.3 keeps no state of a ModelGraph in a project (its `.fml` files are made on request only), and what it does
keep of the model is Python objects. The generated C++ is what is synthesised, so it is what is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from weft.boards.errors import ArtefactError, InputError
from weft.hls.consistency import check_design
from weft.hls.design import Design, Layer, Tensor, Value, Weight
from weft.hls.project.cpp import Call, Carried, Struct, Top, Variable, read_structs, read_top, read_types
from weft.hls.project.files import check_version, input_shapes, read_settings, read_text
from weft.hls.project.kernels import KERNELS, Extents, Kernel, Shape, extents
from weft.hls.project.weights import read_weight

_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
_LARGEST = 1 << 31  # values of one tensor
_PRODUCTS = ("mult", "weight_ternary")  # hls4ml's other products compute on bits that stand for -1 and 1
_NO_CONFIG = Struct("")


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
    reading = _Reading(folder, types, structs, top, input_shapes(folder))
    reading.read()
    named = reading.tensor_names
    design = Design(
        name=settings.name,
        io="io_stream" if top.stream else "io_parallel",
        clock_ns=settings.clock_ns,
        part=settings.part,
        layers=tuple(reading.layers),
        tensors=reading.tensors,
        inputs=tuple(named[port.name] for port in top.ports if port.name in reading.sources),
        outputs=tuple(named[port.name] for port in top.ports if port.name not in reading.sources),
    )
    try:
        check_design(design)
    except InputError as error:
        raise ArtefactError(f"the project in {str(folder)!r} cannot be used: {error}") from None
    return design


class _Arguments(NamedTuple):
    """The variables that a call reads and writes, and its weights."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[str, ...] = ()


def read_calls(folder: Path) -> dict[str, Call]:
    """The top function's calls by layer: what the tools name a layer's module after."""
    name = read_settings(folder).name
    return {call.layer: call for call in read_top(read_text(folder, f"firmware/{name}.cpp"), name).calls}


@dataclass
class _Reading:
    """A project on its way to a design: layers and tensors so far, and which tensor a C++ variable is."""

    folder: Path
    types: dict[str, Carried]
    structs: dict[str, Struct]
    top: Top
    shapes: dict[str, Shape]  # of the inputs
    layers: list[Layer] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    tensor_names: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, Shape] = field(default_factory=dict)  # of a variable, by who reads it
    sources: set[str] = field(default_factory=set)

    def read(self) -> None:
        """Every layer, in the order of the calls."""
        written = {name for call in self.top.calls for name in self._arguments(call).outputs}
        for call in reversed(self.top.calls):
            self._note_wanted(call)
        for port in self.top.ports:
            if port.name not in written:
                self._read_input(port)
        for call in self.top.calls:
            self._read_call(call)
        missing = [port.name for port in self.top.ports if port.name not in self.tensor_names]
        if missing:
            raise ArtefactError(
                f"port {missing[0]} of {str(self.folder)!r} is neither read nor written: write it again"
            )

    # ------------------------------------------------------------ shapes

    def _note_wanted(self, call: Call) -> None:
        """What shape a call's inputs have, as far as it or those behind it say."""
        kernel, struct, given = self._kernel(call), self._struct(call), self._arguments(call)
        for number, name in enumerate(given.inputs):
            shape = self._reads(call, kernel, struct, number)
            if not shape and kernel.kind not in ("Repack", "Concatenate"):
                variable = self.top.variables.get(given.outputs[0])
                shape = (variable.dims if variable else ()) or self.wanted.get(given.outputs[0], ())
            if shape:
                self.wanted.setdefault(name, shape)

    def _reads(self, call: Call, kernel: Kernel, struct: Struct, number: int) -> Shape:
        if kernel.kind == "Concatenate":
            names = [
                f"n_elem{number + 1}_{axis}" for axis in range(3) if struct.values.get(f"n_elem{number + 1}_{axis}")
            ]
            return extents(struct, tuple(names), call.layer)
        if kernel.kind == "Merge":  # as a product of extents only
            return ()
        return extents(struct, kernel.reads, call.layer)

    def _writes(self, call: Call, kernel: Kernel, struct: Struct, inputs: list[Tensor]) -> Shape:
        if kernel.kind == "Concatenate":
            return _joined(call, struct, [tensor.shape for tensor in inputs])
        return extents(struct, kernel.writes, call.layer) or inputs[0].shape

    # ------------------------------------------------------------ steps

    def _read_input(self, port: Variable) -> None:
        shape = port.dims or self.shapes.get(port.name) or self.wanted.get(port.name)
        if not shape:
            raise ArtefactError(f"hls4ml_config.yml of {str(self.folder)!r} has no InputShapes of {port.name}")
        self.sources.add(port.name)
        tensor = self._add_tensor(port.name, port.name, shape, self._carried(port.type, port.name))
        kind = tensor.type
        self._add_layer(Layer(port.name, "Input", (), (port.name,), {"input_shape": shape, "result_t": kind}))
        self._read_renamed(port.name)

    def _read_renamed(self, source: str) -> None:
        """The Reshapes of a variable that was just written: they are declared before any call."""
        for name in [name for name, of in self.top.renamed.items() if of == source]:
            self._read_reshape(name, source, name.removesuffix("_out"))

    def _read_reshape(self, variable: str, source: str, layer: str, kind: str = "Reshape") -> None:
        """A Reshape gives its shape nowhere: it is the one that the next layer wants, and flat where none says."""
        tensor = self._tensor(source, layer)
        declared = self.top.variables.get(variable)
        carried = self._carried(declared.type, layer) if declared else Carried(tensor.type)
        shape = (declared.dims if declared else ()) or self.wanted.get(variable, ())
        if not shape and carried.packed and tensor.size % carried.packed == 0:
            shape = (tensor.size // carried.packed, carried.packed)
        made = self._add_tensor(variable, layer, shape or (tensor.size,), carried)
        if made.size != tensor.size:
            raise ArtefactError(f"layer {layer} makes {made.size} values of {tensor.size}: the project is damaged")
        self._add_layer(Layer(layer, kind, (tensor.name,), (made.name,)))
        self._read_renamed(variable)

    def _read_call(self, call: Call) -> None:
        kernel = self._kernel(call)
        given, struct = self._arguments(call), self._struct(call)
        if kernel.kind == "Repack":
            self._read_reshape(given.outputs[0], given.inputs[0], call.layer, "Repack")
            return
        inputs = [self._tensor(name, call.layer) for name in given.inputs]
        for number, tensor in enumerate(inputs):
            shape = self._reads(call, kernel, struct, number)
            if shape and prod(shape) != tensor.size:
                raise ArtefactError(f"layer {call.layer} reads {prod(shape)} values, and {tensor.size} are given to it")
        shape = self._writes(call, kernel, struct, inputs)
        outputs = [
            self._add_output(call, kernel, inputs[0], name, number, shape) for number, name in enumerate(given.outputs)
        ]
        layer = Layer(
            name=call.layer,
            kind=kernel.kind,
            inputs=tuple(tensor.name for tensor in inputs),
            outputs=tuple(tensor.name for tensor in outputs),
            attributes={**struct.values, **struct.types, **self._attributes(call, kernel, struct, inputs[0])},
            strategy=str(struct.values.get("strategy", "latency")),
            reuse_factor=_reuse_factor(struct, call.layer),
        )
        self._add_layer(replace(layer, weights=self._weights(call, kernel, struct, layer.strategy)))
        for name in given.outputs:
            self._read_renamed(name)

    def _add_output(self, call: Call, kernel: Kernel, source: Tensor, name: str, number: int, shape: Shape) -> Tensor:
        """A layer's output is named as the layer, a Clone's after what it copies, as hls4ml names them."""
        if name not in self.top.variables:
            raise ArtefactError(f"layer {call.layer} writes {name}, which {str(self.folder)!r} does not declare")
        title = f"{source.name}_cpy{number + 1}" if kernel.kind == "Clone" else call.layer
        variable = self.top.variables[name]
        if variable.dims and prod(variable.dims) != prod(shape):
            raise ArtefactError(
                f"layer {call.layer} writes {prod(shape)} values into an array of {prod(variable.dims)}"
            )
        return self._add_tensor(name, title, shape, self._carried(variable.type, call.layer))

    def _attributes(self, call: Call, kernel: Kernel, struct: Struct, source: Tensor) -> dict[str, Value]:
        """What the name of the kernel and the call itself say."""
        io = "io_stream" if self.top.stream else "io_parallel"
        match kernel.kind:
            case "Activation":
                return {"activation": call.function, "io": io}
            case "HardActivation" | "PReLU":
                return {"activation": call.function}
            case "ParametrizedActivation":
                return {"activation": call.function.replace("_", ""), "activ_param": _parameter(call)}
            case "Softmax":
                axes = {"n_outer": prod(source.shape[:-1]), "n_inner": 1} if self.top.stream else {}
                return {"activation": "softmax", "io": io, **axes}
            case "Merge" | "Concatenate" | "Dot":
                if struct.values.get("n_elem1") != struct.values.get("n_elem2"):
                    raise ArtefactError(
                        f"layer {call.layer}: a broadcasting {call.function} is not read from a project"
                    )
                return {"op": call.function}
            case "Resize":
                return {"algorithm": "nearest"}
        return {}

    def _weights(self, call: Call, kernel: Kernel, struct: Struct, strategy: str) -> dict[str, Weight]:
        product = struct.templates.get("product", "mult")
        mult = self.structs.get(f"{struct.name}_mult", _NO_CONFIG).templates.get("product", "mult")
        if {product, mult} - set(_PRODUCTS):
            raise ArtefactError(f"layer {call.layer} multiplies by nnet::product::{product}, which weft does not read")
        arrays = self._arguments(call).weights
        if len(arrays) != len(kernel.weights):
            raise ArtefactError(
                f"layer {call.layer} has {len(arrays)} weights, and {kernel.kind} {len(kernel.weights)}"
            )
        found = {}
        for (name, names), array in zip(kernel.weights.items(), arrays, strict=True):
            weight = read_weight(self.folder, array, self.types)
            # hls4ml's apply_resource_strategy puts the outputs first.
            first = name == "weight" and strategy in ("resource", "resource_unrolled")
            found[name] = replace(weight, raw=_shaped(weight, names, struct, call.layer, outputs_first=first))
        return found

    # ------------------------------------------------------------ names

    def _arguments(self, call: Call) -> _Arguments:
        kernel, given = self._kernel(call), call.arguments
        match kernel.kind:
            case "Clone":
                return _Arguments(given[:1], given[1:])
            case "ParametrizedActivation":  # its parameter stands between
                return _Arguments(given[:1], given[2:])
            case "PReLU":
                return _Arguments(given[:1], given[2:], given[1:2])
        results = kernel.inputs + 1
        return _Arguments(given[: kernel.inputs], given[kernel.inputs : results], given[results:])

    def _kernel(self, call: Call) -> Kernel:
        if call.function not in KERNELS or len(call.arguments) < 2:
            raise ArtefactError(
                f"layer {call.layer} calls nnet::{call.function}, which weft does not read from a project: "
                "give the ModelGraph to Design.from_hls4ml"
            )
        return KERNELS[call.function]

    def _struct(self, call: Call) -> Struct:
        if self._kernel(call).kind in ("Clone", "Repack"):
            return _NO_CONFIG
        if call.templates[-1] not in self.structs:
            raise ArtefactError(f"layer {call.layer} has config {call.templates[-1]}, which parameters.h lacks")
        return self.structs[call.templates[-1]]

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

    def _add_layer(self, layer: Layer) -> None:
        if not _NAME.fullmatch(layer.name) or any(other.name == layer.name for other in self.layers):
            raise ArtefactError(f"layer {layer.name[:100]!r} is there twice or no C++ name: rename it in the model")
        self.layers.append(layer)


def _joined(call: Call, struct: Struct, shapes: list[Shape]) -> Shape:
    """The shape of a Concatenate; hls4ml counts axes with the batch as axis 0."""
    axis = struct.values.get("axis")
    rank = len(shapes[0])
    if not isinstance(axis, int) or not -rank <= axis <= rank or axis == 0 or len(shapes[1]) != rank:
        raise ArtefactError(f"layer {call.layer} joins {shapes[0]} and {shapes[1]} along axis {axis}, which cannot be")
    place = axis - 1 if axis > 0 else rank + axis
    joined = list(shapes[0])
    joined[place] += shapes[1][place]
    return tuple(joined)


def _reuse_factor(struct: Struct, layer: str) -> int:
    factor = struct.values.get("reuse_factor", 1)
    if isinstance(factor, bool) or not isinstance(factor, int):
        raise ArtefactError(f"layer {layer} has reuse factor {factor}, which is no whole number")
    return factor


def _parameter(call: Call) -> float:
    try:
        return float(call.arguments[1])
    except ValueError:
        raise ArtefactError(f"layer {call.layer} has parameter {call.arguments[1]!r}, which is no number") from None


def _shaped(weight: Weight, names: Extents, struct: Struct, layer: str, *, outputs_first: bool) -> np.ndarray:  # type: ignore[type-arg]
    shape = extents(struct, names, layer)
    known = prod(extent for extent in shape if extent != -1)
    if weight.raw.size % known or (-1 not in shape and weight.raw.size != known):
        raise ArtefactError(f"layer {layer} has {weight.raw.size} weights where its config {struct.name} says {shape}")
    if outputs_first:
        return np.moveaxis(weight.raw.reshape((shape[-1], *shape[:-1])), 0, -1)
    return weight.raw.reshape(shape)
