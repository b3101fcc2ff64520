"""What a layer's cost is made of, and what it may depend on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, log2
from typing import TYPE_CHECKING

from weft.boards.errors import InputError, WeftError
from weft.boards.resources import Resources
from weft.hls.design import Design, Layer, Tensor
from weft.hls.precision import FixedType

if TYPE_CHECKING:
    from weft.sim.cost.correction import Corrections


@dataclass(frozen=True)
class Timing:
    """Cycles of one layer in one case, alone, with its input always ready.

    `latency`: first input to last output; `interval`: one sample to the next; `depth`: last input to last output;
    `needs`: the fraction of a sample's input that must be there before the first output (io_stream); `shift`: cycles of
    an iteration that writes nothing, where the others' are told by `interval` (0 where all are alike); `lead`: first
    input to first output, by `needs` unless given.
    """

    latency: int
    interval: int
    depth: int
    needs: float = 0.0
    shift: int = 0
    lead: int | None = None

    @property
    def first(self) -> int:
        """Cycles from the first input to the first output."""
        return ceil(self.needs * (self.latency - self.depth)) + self.depth if self.lead is None else self.lead


@dataclass(frozen=True)
class Cost:
    """One layer's timing, best and worst case as csynth bounds it, and its fabric.

    `expected` is what one sample takes when it runs (co-simulation), where csynth's cases only bracket it.
    """

    best: Timing
    worst: Timing
    resources: Resources = field(default_factory=Resources)
    expected: Timing | None = None

    @property
    def run(self) -> Timing:
        """The timing of a run: `expected`, or the worst case where both cases are alike or nothing better is known."""
        return self.expected or self.worst


@dataclass(frozen=True)
class Products:
    """An array of multipliers and adders: cycles from operands to sums (best, worst), cycles between starts, fabric."""

    best: int
    worst: int
    interval: int
    resources: Resources


@dataclass(frozen=True)
class Fabric:
    """Delays (ns) and DSP operand widths (bits) of one device family.

    `multiply_ns` to the product, `turn_ns` through the multiplexers and the product of a shared multiplier to a sum,
    `adjust_ns` to align shifted terms, `tree_ns` a level of an adder tree, `add_ns` one addition or comparison,
    `lookup_ns` a table.
    """

    multiply_ns: float
    turn_ns: float
    adjust_ns: float
    tree_ns: float
    add_ns: float
    lookup_ns: float
    dsp_wide: int
    dsp_narrow: int

    def registers(self, delay_ns: float, clock_ns: float) -> int:
        """Pipeline registers that logic of this delay needs."""
        return max(0, ceil(delay_ns / usable_ns(clock_ns)) - 1)


def usable_ns(clock_ns: float) -> float:
    """What logic may take of a clock period: HLS keeps an eighth (12.5 %) in reserve."""
    return 0.875 * clock_ns


# Delays that explain published csynth latencies. Product and tree level, zynq7: the 12 Dense layers of
# hls4ml_MLP_estimator@72e2e22e that have trees (Vitis HLS 2021.1, xc7z007s-2, 3.33 and 5 ns: 9 exact, 3 one off) and
# 128-3 with 384 and 96 weights at 25 ns (Vivado HLS 2020.1). UltraScale+: wa-hls4ml-search@8e70542 (Vivado HLS 2020.1,
# xcu250-2L, 5 ns: 0 cycles at 2 bits, 1 above and for 96-32) and CE6370@8b151865 (2023.2: 1 cycle for 289 weights an
# output); the latter bounds a level from above, 96-32 from below: 0.766 to 0.777 ns. A lookup is softmax's: 13 and 16
# cycles at 3 and 5 values and 3.33 ns, 12 and 14 at 6 and 10 values and 5 ns on zynq7, 4 on UltraScale+.
# DSP48E1 multiplies 25x18 (UG479), DSP48E2 27x18 (UG579).
_ULTRASCALE_PLUS = Fabric(
    multiply_ns=2.4, turn_ns=10.0, adjust_ns=1.0, tree_ns=0.77, add_ns=0.95, lookup_ns=2.0, dsp_wide=27, dsp_narrow=18
)
_FABRICS = {
    "zynq7": Fabric(
        multiply_ns=9.0,
        turn_ns=16.0,
        adjust_ns=1.0,
        tree_ns=3.0,
        add_ns=1.9,
        lookup_ns=11.0,
        dsp_wide=25,
        dsp_narrow=18,
    ),
    "zynq_ultrascale_plus": _ULTRASCALE_PLUS,
    "alveo": _ULTRASCALE_PLUS,
}


def fabric_of(family: str) -> Fabric:
    """The delays of a board's family. Raises WeftError for one that has not been measured."""
    if family not in _FABRICS:
        raise WeftError(f"family {family!r} has no cycle model: weft knows {', '.join(_FABRICS)}")
    return _FABRICS[family]


#: hls4ml's default accumulator, ap_fixed<16,6>, which the published rows have.
WORD_BITS = 16

#: The tool whose reports the rules follow unless told otherwise.
NEWEST_TOOL = "vitis-2024.1"


def checked_tool(tool: str) -> str:
    """`tool`, if it is one. Raises InputError unless it is vivado-YEAR.N or vitis-YEAR.N."""
    if not re.fullmatch(r"(vivado|vitis)-20\d\d\.\d", tool):
        raise InputError(f"tool {tool!r} is none: write vitis-2023.2 or vivado-2020.1, the HLS tool and its version")
    return tool


def is_vitis(tool: str) -> bool:
    """Whether a tool schedules as Vitis HLS does, which replaced Vivado HLS from 2020.2 on."""
    return tool.startswith("vitis")


def is_fast(fabric: Fabric) -> bool:
    """Whether a fabric is UltraScale+ rather than 7 series."""
    return fabric.add_ns < 1


def is_before(tool: str, year: int) -> bool:
    """Whether a tool is a Vivado HLS of a year before `year`."""
    return not is_vitis(tool) and tool < f"vivado-{year}"


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


# What hls4ml counts as Conv1D and Conv2D there; a separable convolution is none.
_CONVOLUTIONS = ("Conv", "Pointwise", "Depthwise")


def is_dataflow(design: Design) -> bool:
    """hls4ml's choice of pipeline_style: dataflow for io_stream, for a convolution whose output has partitions and for
    any Resource layer, otherwise one pipeline (backends/vivado/passes/pipeline_style.py)."""
    return design.io == "io_stream" or any(
        layer.strategy.lower() == "resource" or (layer.kind.startswith(_CONVOLUTIONS) and partitions(layer) != 1)
        for layer in design.layers
        if layer.weights
    )


def partitions(layer: Layer) -> int:
    """Parts of a convolution's output that are made one after another (io_parallel)."""
    pixels = whole(layer, "out_width") * whole(layer, "out_height", 1)
    return whole(layer, "n_partitions", ceil(pixels / whole(layer, "parallelization_factor", 1)))


def times(resources: Resources, count: int) -> Resources:
    """So many copies."""
    return Resources(*(value * count for value in resources.as_dict().values()))


def beats(tensor: Tensor) -> int:
    """FIFO elements of one sample; one element is the last axis."""
    return max(1, tensor.size // channels(tensor))


def channels(tensor: Tensor) -> int:
    """Values in one FIFO element."""
    return max(1, tensor.shape[-1]) if tensor.shape else 1


def whole(layer: Layer, name: str, default: int | None = None) -> int:
    """An integer attribute, named as hls4ml names it. Raises InputError if it is missing or no integer."""
    value = layer.attributes.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"layer {layer.name} ({layer.kind}) has no integer {name!r}: the design is damaged")
    return value


def attribute_type(layer: Layer, name: str, default: FixedType) -> FixedType:
    """An attribute that is a type, or `default` where the design has none."""
    value = layer.attributes.get(name)
    return value if isinstance(value, FixedType) else default


def reuse(layer: Layer) -> int:
    """The reuse factor, at least 1."""
    return max(1, layer.reuse_factor)


def levels(count: int) -> float:
    """Depth of a balanced tree over `count` values; not rounded, because HLS packs uneven levels together."""
    return log2(max(1, count))


def drained(timing: Timing) -> Timing:
    """A loop that does not rewind: the next sample waits until this one is out."""
    return replace(timing, interval=max(1, timing.latency))


def at_once(latency: int, interval: int = 1) -> Timing:
    """io_parallel: the whole sample is there at the start."""
    return Timing(latency, max(1, interval), latency)


def streamed(elements: int, per_element: int, depth: int, needs: float = 0.0) -> Timing:
    """io_stream: `elements` FIFO elements of `per_element` cycles each, then `depth` cycles until the last is out."""
    needs = min(1.0, max(needs, 1 / max(1, elements)))
    busy = elements * per_element
    return Timing(busy + depth, max(1, busy), depth, needs)
