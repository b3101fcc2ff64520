"""Products that each have their own constant: strategy Latency, and Resource at reuse factor 1."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp2

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.hls.precision import FixedType
from weft.sim.cost.constants import Constants, constants_of
from weft.sim.cost.dsp import NARROW_FACTOR, dsps_per_product
from weft.sim.cost.family import levels, usable_ns
from weft.sim.cost.model import Context
from weft.sim.cost.reading import reuse
from weft.sim.cost.timing import Products
from weft.sim.cost.tool import is_vitis

# A fully partitioned array ends at 4,096 elements (FACTS: hls4ml).
_PARTITION_LIMIT = 4096

# hls4ml's default, which the published rows have.
_ACCUMULATOR = FixedType(16, 6)

# Kinds whose outputs all read the same inputs.
_SHARE_INPUTS = {"Dense", "Conv1D", "Conv2D", "Conv2DBatchnorm", "PointwiseConv1D", "PointwiseConv2D"}


@dataclass(frozen=True)
class _Array:
    """One array: its constants and types, additions that depend on one another (`depth`, in a chain or a tree), whether
    it is a `loop` instead of a pipeline, whether its inputs are registered `port`s, bits of a sum (`word`)."""

    constants: Constants
    data: FixedType
    constant: FixedType
    n_out: int
    factor: int
    per_product: int
    chained: bool
    depth: float
    loop: bool
    port: bool
    word: int

    @property
    def multiplied(self) -> int:
        """Products that need a multiplier; where the types are too narrow for a DSP every one is shifts and adds."""
        return self.constants.multiplied if self.per_product else 0

    @property
    def terms(self) -> int:
        """Shifted terms that are added instead."""
        return self.constants.simple_terms if self.multiplied else self.constants.terms

    @property
    def limit(self) -> int:
        """hls4ml's bound on multipliers, an ALLOCATION pragma: DIV_ROUNDUP(n_in * n_out, RF) - n_zeros / RF."""
        zeros = self.constants.count - self.constants.nonzero
        return max(1, ceil(self.constants.count / self.factor) - zeros // self.factor)

    @property
    def shared(self) -> bool:
        """Whether products must take turns."""
        return self.multiplied > self.limit


def unrolled_products(layer: Layer, weight: Weight, data: FixedType, n_out: int, context: Context) -> Products:
    """Zeros vanish, simple constants become shifts and adds, the others are multiplied."""
    array = _array(layer, weight, data, n_out, context)
    stages = context.registers(_delay_ns(array, context))
    latency = _latency(array, stages, context)
    # A pipeline slower than its own latency is no pipeline: the interval ends at latency + 1 (36 of 38 rows, FACTS).
    interval = latency + 1 if array.loop else min(array.factor, latency + 1)
    blocks = min(array.multiplied, array.limit) if array.shared else array.constants.wide
    ff = _loop_ff(array, stages, context) if array.loop else _pipeline_ff(array, stages, context)
    resources = Resources(lut=_lut(array), ff=round(ff), dsp=blocks * array.per_product)
    return Products(latency, latency, interval, resources)


def _array(layer: Layer, weight: Weight, data: FixedType, n_out: int, context: Context) -> _Array:
    constants = constants_of(weight, n_out, layer.kind in _SHARE_INPUTS)
    chained = layer.kind == "Dense" and constants.count > _PARTITION_LIMIT
    average = levels(ceil(constants.nonzero / max(1, n_out)))
    return _Array(
        constants=constants,
        data=data,
        constant=weight.type,
        n_out=n_out,
        factor=reuse(layer),
        per_product=dsps_per_product(data, weight.type, context.fabric, context.tool),
        chained=chained,
        depth=_longest_sum(weight, n_out) if chained else average,
        # Resource at reuse 1 is no pipeline in Vivado HLS: 2 for 1 cycle, 1 for 0 (21 of 21, wa-hls4ml-search@8e70542).
        loop=not is_vitis(context.tool) and layer.strategy.lower() != "latency",
        # Vivado registers what comes through a FIFO, and its top the ports of the design.
        port=not is_vitis(context.tool)
        and (context.stream or any(name in context.design.inputs for name in layer.inputs)),
        word=_word(layer, data, weight.type),
    )


def _word(layer: Layer, data: FixedType, constant: FixedType) -> int:
    """Bits of a sum: the accumulator's, or a product's with the fraction that the accumulator keeps and two more."""
    accumulator = layer.attributes.get("accum_t")
    total = accumulator if isinstance(accumulator, FixedType) else _ACCUMULATOR
    fraction = min(total.fraction, data.fraction + constant.fraction)
    return max(1, min(total.width, data.integer + constant.integer + fraction + 2))


def _longest_sum(weight: Weight, n_out: int) -> int:
    """Terms of the longest sum: above 4,096 products HLS chains them, still one sample a cycle.

    48 cycles for 105 products an output and 192 for 342 on average (196-56 and 561-20, hls4ml_MLP_estimator@72e2e22e),
    against 5 for 31 of 64-64, which has 4,096. A convolution's are trees: 6,144 products take 7 cycles a pixel (conv1d
    192-32, HG-DREAM@274dba6e).
    """
    return int((weight.raw.reshape(-1, max(1, n_out)) != 0).sum(axis=0).max())


def _delay_ns(array: _Array, context: Context) -> float:
    """From operands to sums: the product, or the alignment of shifted terms, and the additions."""
    fabric = context.fabric
    start_ns = fabric.multiply_ns if array.multiplied else _aligned_ns(array, context)
    return start_ns + array.depth * (fabric.add_ns if array.chained else fabric.tree_ns)


def _aligned_ns(array: _Array, context: Context) -> float:
    """Until shifted terms can be added.

    Constants of one magnitude need no alignment (2 bits: no register where 4 bits have one, Dense 32-32 and 32-64); in
    Vivado's Resource loop shifts are wires until a constant has two digits (4 bits: none; wa-hls4ml-search@8e70542).
    """
    constants = array.constants
    wires = constants.terms == constants.nonzero if array.loop else constants.aligned
    return 0.0 if wires else context.fabric.adjust_ns


def _latency(array: _Array, stages: int, context: Context) -> int:
    """The pipeline's registers, or the turns on shared multipliers and the last one's product and sum after them.

    What follows the last of T turns' start: zynq7 3 cycles at 5 ns and 5 at 3.33 ns (23 turns take 25, 23 take 27; 9 of
    12 rows, the others one off; hls4ml_MLP_estimator@72e2e22e) and 0 at 25 ns (some 6 and 12 turns take 5 and 11,
    hls4ml_prj@8e4ac392 and @d3a8c690), UltraScale+ 2 at 5 ns (16 of 16, wa-hls4ml-search@8e70542).
    """
    # Vivado registers the sums of a function that is no pipeline: 2 for 1 cycle (Dense 32-32, 4 and 6 bits, reuse 512).
    slow = not is_vitis(context.tool) and stages > 0 and array.factor > stages + 1
    depth = stages + slow
    if not array.shared:
        return depth
    return max(depth, ceil(array.multiplied / array.limit) - 1 + context.registers(context.fabric.turn_ns))


def _lut(array: _Array) -> int:
    """LUT of constant products and their sums: an adder a term of a sum, and the adders within products.

    A sum's adder is as wide as its word, or data and half a constant: 17.5, 19.4 and 23.6 LUT are published at 2, 4 and
    14 weight bits and 16 data bits (Dense 32-32, all products shifts or in DSPs, wa-hls4ml-search@8e70542), 20 to 25
    with the adders of products at 8 and 8 (hls4ml_MLP_estimator@72e2e22e). In Vivado's Resource loop it is 18 to 20 at
    any width. A product's adder is as wide as the product, and a multiplier without a DSP takes a LUT a partial-product
    bit.
    """
    constants = array.constants
    pipelined = max(array.word, array.data.width + array.constant.width / 2)
    sums = constants.nonzero * (array.word + 2.5 if array.loop else pipelined)
    adders = constants.simple_adders if array.multiplied else constants.adders
    narrow = constants.multiplied - constants.wide if array.multiplied else 0
    product_bits = array.data.width + array.constant.width
    return round(sums + adders * product_bits + narrow * array.data.width * NARROW_FACTOR)


def _pipeline_ff(array: _Array, stages: int, context: Context) -> float:
    """Inputs for as long as a product needs them, partial sums, and the outputs of a pipeline that starts each cycle.

    514 for 32 inputs without a stage and n_out words less at reuse 512 than at 1 (32-32 and 32-64, Vivado HLS 2020.1,
    wa-hls4ml-search@8e70542), where the layer is the design; inside one no input is held that is used at once (129 for
    128-3, hls4ml_prj@7d3cf358; Vitis: 0 for 10-10 without a stage, CE6370@8b151865). Vitis holds a quarter less at
    reuse 2, and half where the interval is longer than the pipeline; where DSPs are shared 0.6 to 0.85 words a weight
    wait for their turns (hls4ml_MLP_estimator@72e2e22e).
    """
    vitis = is_vitis(context.tool)
    needed = min(stages, int(context.fabric.multiply_ns / usable_ns(context.clock_ns))) if array.multiplied else 0
    n_in = array.constants.count // max(1, array.n_out)
    words = _words(array, stages, context)
    if array.factor == 1:
        words += array.n_out if stages else 0
    elif vitis:
        words *= 0.5 if array.factor > stages and not array.shared else 0.75
    if array.shared:
        words = max(words, 0.7 * array.constants.nonzero)
    return n_in * array.data.width * (needed + array.port) + words * array.word


def _words(array: _Array, stages: int, context: Context) -> float:
    """Partial sums that live across the pipeline's registers.

    A tree halves its words every level, so at a register that lies t after the products' end words / 2^(t / level) are
    left, and never fewer than the outputs. Dense 32-32 at 14, 12, 10 and 8 bits, one register: 5.0, 4.8, 4.4 and 3.3
    words an output are published, 5.3, 5.0, 4.5 and 3.3 come out (wa-hls4ml-search@8e70542). In a chain each product
    waits once, 1.2 words, and every output's sum passes on (196-56 and 561-20 within 6 %,
    hls4ml_MLP_estimator@72e2e22e).
    """
    if array.chained:
        return 1.2 * array.constants.nonzero + array.n_out * stages
    multiplied = _live(array, array.multiplied, context.fabric.multiply_ns, stages, context)
    return multiplied + _live(array, array.terms, _aligned_ns(array, context), stages, context)


def _live(array: _Array, words: int, ready_ns: float, stages: int, context: Context) -> float:
    """Words left of a tree at every register after its leaves are ready."""
    waits = (usable_ns(context.clock_ns) * stage - ready_ns for stage in range(1, stages + 1))
    left = (words / exp2(wait_ns / context.fabric.tree_ns) for wait_ns in waits if wait_ns > 0)
    return sum(max(each, float(min(words, array.n_out))) for each in left)


def _loop_ff(array: _Array, stages: int, context: Context) -> float:
    """Vivado's Resource loop at reuse 1: the outputs, shifted terms as in a pipeline, and products earlier.

    8.8 bits a product, and the shifted terms beside them wait for as long: 6 bits where all others are products (Dense
    32-32, 32-64 and 96-32 at 6 to 14 bits within 15 % but one, wa-hls4ml-search@8e70542).
    """
    if not stages:
        return array.word * array.n_out
    simple = array.constants.nonzero - array.multiplied
    beside = simple * array.multiplied / max(1, array.constants.nonzero)
    terms = _live(array, array.terms, _aligned_ns(array, context), stages, context)
    return array.word * (array.n_out + terms) + 8.8 * array.multiplied + 6 * beside
