"""Dot, Einsum and EinsumDense: products of two tensors, and of a tensor with constants, in io_parallel."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.hls.precision import FixedType
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.family import levels
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import products, weight_of
from weft.sim.cost.reading import reuse, whole
from weft.sim.cost.timing import Cost, at_once


def dot(layer: Layer, context: Context) -> Cost:
    """The scalar product of two vectors (nnet_utils/nnet_merge.h, dot1d: PIPELINE II=RF, mul limit n / RF)."""
    return _value_products(layer, context, context.source(layer).size, 1)


def einsum(layer: Layer, context: Context) -> Cost:
    """All sums of products at once (nnet_utils/nnet_einsum.h: PIPELINE II=RF, every loop unrolled)."""
    fan_in = whole(layer, "n_contract")
    outputs = whole(layer, "n_inplace") * whole(layer, "n_free0") * whole(layer, "n_free1")
    return _value_products(layer, context, fan_in, outputs)


def einsum_dense(layer: Layer, context: Context) -> Cost:
    """Rows through one Dense each (nnet_utils/nnet_einsum_dense.h): a pipelined top unrolls the loop over rows whole, a
    dataflow top by the parallelization factor, one group of rows after another."""
    inplace, contracted = whole(layer, "n_inplace"), whole(layer, "n_contract")
    rows, outputs = whole(layer, "n_free_data"), whole(layer, "n_free_kernel")
    array = products(layer, weight_of(layer), context.source(layer).type, contracted, inplace * outputs, context)
    at_a_time = rows if not context.dataflow else min(rows, whole(layer, "parallelization_factor", rows))
    groups = ceil(rows / max(1, at_a_time))
    best, worst = (at_once(groups * (cycles + 1) - 1, groups * array.interval) for cycles in (array.best, array.worst))
    return Cost(best, worst, array.resources * at_a_time)


def _value_products(layer: Layer, context: Context, fan_in: int, outputs: int) -> Cost:
    """`outputs` sums of `fan_in` products of two values each, on ceil(products / RF) multipliers."""
    kinds = [context.design.tensors[name].type for name in layer.inputs]
    first, second = kinds[0], kinds[-1]
    multipliers = ceil(fan_in * outputs / reuse(layer))
    dsp = dsps_per_product(first, second, context.fabric, context.tool)
    fabric = context.fabric
    depth = context.registers(fabric.multiply_ns + fabric.add_ns * levels(fan_in))
    resources = replace(_sums(first, second, fan_in, outputs, depth, not dsp), dsp=multipliers * dsp)
    # A multiplier's turns are its pipeline's interval; the last of them still goes through the sum.
    timing = at_once(depth + reuse(layer) - 1, reuse(layer))
    return Cost(timing, timing, resources)


def _sums(first: FixedType, second: FixedType, fan_in: int, outputs: int, depth: int, soft: bool) -> Resources:
    """One LUT a bit of every addition, and of every partial product that no DSP takes; a product a register stage."""
    bits = first.width + second.width
    lut = (fan_in - 1) * bits + (first.width * second.width * fan_in if soft else 0)
    return Resources(lut=outputs * lut, ff=outputs * bits * (depth + fan_in * min(depth, 1)))
