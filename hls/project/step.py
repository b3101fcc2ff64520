"""A call of the top function with everything that it names: kernel, config struct, variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from weft.boards.errors import ArtefactError
from weft.hls.design import Value
from weft.hls.project.cpp import Call, Struct
from weft.hls.project.einsum import with_moves
from weft.hls.project.kernels import KERNELS, NEEDED, Kernel, Shape, extents
from weft.hls.project.recurrent import with_halves, with_steps

_PRODUCTS = ("mult", "weight_ternary")  # hls4ml's other products compute on bits that stand for -1 and 1
# Endings of the names of the structs that hold a layer's products.
_MULTIPLYING = ("", "_mult", "_dense", "_1", "_2", "_1_f", "_2_f", "_1_b", "_2_b")
_STRATEGIES = ("latency", "resource", "resource_unrolled")
_UNCONFIGURED = ("Clone", "Repack")
_COMPOSITE = {  # whose struct names others
    "Bidirectional": with_halves,
    "Einsum": with_moves,
    "EinsumDense": with_moves,
    "GRU": with_steps,
    "LSTM": with_steps,
}
_NOTHING = Struct("")


@dataclass(frozen=True)
class Step:
    """One layer as the C++ says it. `inputs`, `outputs` and `weights` are the names of C++ variables."""

    call: Call
    kernel: Kernel
    struct: Struct
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self.call.layer

    @property
    def strategy(self) -> str:
        """hls4ml's strategy, in lower case; "latency" where the kernel has none."""
        return str(self.struct.values.get("strategy", "latency"))

    @property
    def reuse_factor(self) -> int:
        """Raises ArtefactError where the config has one that is no whole number."""
        factor = self.struct.values.get("reuse_factor", 1)
        if isinstance(factor, bool) or not isinstance(factor, int):
            raise ArtefactError(f"layer {self.layer} has reuse factor {factor}, which is no whole number")
        return factor

    def reads(self, number: int) -> Shape:
        """Shape of an input, as far as the config gives it; () where it does not."""
        if self.kernel.kind == "Concatenate":
            names = tuple(f"n_elem{number + 1}_{axis}" for axis in range(3))
            return extents(self.struct, tuple(name for name in names if self.struct.values.get(name)), self.layer)
        if self.kernel.kind in ("Einsum", "Merge"):
            name = f"inp{number}_shape" if self.kernel.kind == "Einsum" else f"n_elem{number + 1}"
            return extents(self.struct, (name,), self.layer)
        return extents(self.struct, self.kernel.reads, self.layer)

    def writes(self, inputs: Sequence[Shape]) -> Shape:
        """Shape of every output: what the config gives, or the first input's."""
        if self.kernel.kind == "Concatenate":
            return self._joined(*inputs)
        if self.kernel.kind == "Merge":  # the smaller operand is repeated
            return max(inputs, key=prod)
        return extents(self.struct, self.kernel.writes, self.layer) or inputs[0]

    def _joined(self, first: Shape, second: Shape) -> Shape:
        """hls4ml counts axes with the batch as axis 0."""
        axis, rank = self.struct.values.get("axis"), len(first)
        if not isinstance(axis, int) or not -rank <= axis <= rank or axis == 0 or len(second) != rank:
            raise ArtefactError(f"layer {self.layer} joins {first} and {second} along axis {axis}, which cannot be")
        place = axis - 1 if axis > 0 else rank + axis
        return (*first[:place], first[place] + second[place], *first[place + 1 :])

    def attributes(self, source: Shape, *, stream: bool) -> dict[str, Value]:
        """The config's constants and types, and what the kernel's name and the call say besides."""
        return {**self.struct.values, **self.struct.types, **self._called(source, stream)}

    def _called(self, source: Shape, stream: bool) -> dict[str, Value]:
        function, io = self.call.function, "io_stream" if stream else "io_parallel"
        match self.kernel.kind:
            case "Activation":
                return {"activation": function, "io": io}
            case "HardActivation" | "PReLU":
                return {"activation": function}
            case "ParametrizedActivation":
                return {"activation": function.replace("_", ""), "activ_param": self._parameter()}
            case "Softmax":  # a stream's takes the last axis of whatever passes
                axes = {"n_outer": prod(source[:-1]), "n_inner": 1} if stream else {}
                return {"activation": "softmax", "io": io, **axes}
            case "Merge" | "Concatenate" | "Dot":
                return {"op": function}
            case "Resize":
                return {"algorithm": "nearest"}
        return {}

    def _parameter(self) -> float:
        try:
            return float(self.call.arguments[1])
        except ValueError:
            raise ArtefactError(
                f"layer {self.layer} has parameter {self.call.arguments[1]!r}: it is no number"
            ) from None


def resolve(call: Call, structs: Mapping[str, Struct]) -> Step:
    """The step of a call. Raises ArtefactError, which names the layer, for what is not read from a project."""
    if call.function not in KERNELS or len(call.arguments) < 2:
        raise ArtefactError(
            f"layer {call.layer} calls nnet::{call.function}, which weft does not read from a project: "
            "give the ModelGraph to Design.from_hls4ml"
        )
    kernel = KERNELS[call.function]
    step = Step(call, kernel, _struct(call, kernel, structs), *_variables(call, kernel))
    _check_meaning(step, structs)
    return step


def _struct(call: Call, kernel: Kernel, structs: Mapping[str, Struct]) -> Struct:
    if kernel.kind in _UNCONFIGURED:
        return _NOTHING
    struct = structs.get(call.templates[-1])
    if struct is None:
        raise ArtefactError(f"layer {call.layer} has config {call.templates[-1]}, which parameters.h lacks")
    composed = _COMPOSITE.get(kernel.kind)
    return struct if composed is None else composed(struct, kernel.kind, structs, call.layer)


def _variables(call: Call, kernel: Kernel) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What a call reads, what it writes, and its weights."""
    given = call.arguments
    match kernel.kind:
        case "Clone":
            return given[:1], given[1:], ()
        case "ParametrizedActivation":  # its parameter stands between
            return given[:1], given[2:], ()
        case "PReLU":
            return given[:1], given[2:], given[1:2]
    results = kernel.inputs + 1
    return given[: kernel.inputs], given[kernel.inputs : results], given[results:]


def _check_meaning(step: Step, structs: Mapping[str, Struct]) -> None:
    """Refuse what changes the meaning of a kernel, other products and strategies, and a config that leaves it open."""
    for part in _MULTIPLYING:
        product = structs.get(f"{step.struct.name}{part}", _NOTHING).names.get("product", "mult")
        if product not in _PRODUCTS:
            raise ArtefactError(f"layer {step.layer} multiplies by nnet::product::{product}, which weft does not read")
    said = step.struct.values.keys() | step.struct.types.keys()
    for name in NEEDED.get(step.kernel.kind, ()):
        if name not in said:
            raise ArtefactError(f"layer {step.layer}: struct {step.struct.name} of parameters.h says nothing of {name}")
    if step.strategy not in _STRATEGIES:
        raise ArtefactError(f"layer {step.layer} has strategy {step.strategy}, which weft does not read from a project")
    if len(step.weights) != len(step.kernel.weights) or not step.outputs:
        raise ArtefactError(
            f"layer {step.layer} has {len(step.weights)} weights, and a {step.kernel.kind} {len(step.kernel.weights)}"
        )
