"""Activations: by comparison, by a multiplication, by table, and softmax."""

from __future__ import annotations

from math import ceil

from weft.boards.errors import WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.hls.precision import FixedType
from weft.sim.cost.model import Context, Cost, Timing, at_once, beats, channels, levels, streamed, whole
from weft.sim.cost.multiplier import dsps_per_product
from weft.sim.cost.storage import rom

_COMPARED = {"linear", "relu", "relu1", "relu6", "relu_max", "hard_sigmoid", "hard_tanh", "binary_tanh", "ternary_tanh",
             "thresholded_relu", "thresholdedrelu", "clip", "unary_lut"}  # fmt: skip
_MULTIPLIED = {"leaky_relu", "leakyrelu", "prelu"}
_TABLED = {"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"}
_SCALED = {"hard_sigmoid", "hard_tanh"}


def activation(layer: Layer, context: Context) -> Cost:
    """Every activation but softmax; one value of every channel at once in io_stream, all values in io_parallel."""
    function = str(layer.attributes.get("activation", layer.kind)).lower()
    values = _width(layer, context)
    bits = context.source(layer).type.width
    if function in _TABLED or function == "unary_lut":
        depth, logic = 2, _tables(layer, context, values)
    elif function in _MULTIPLIED or function in _SCALED:
        depth = context.registers(context.fabric.multiply_ns)
        dsp = dsps_per_product(context.source(layer).type, _parameter(layer), context.fabric)
        logic = Resources(lut=3 * values * bits, ff=values * bits, dsp=values * dsp)
    elif function in _COMPARED:
        # relu: 0 cycles at 5 ns and 1 at 3.33 ns (FACTS); 2.3 LUT a bit in io_parallel, 3.8 in io_stream (medians of
        # 21 and 29 published layers, Vivado and Vitis HLS 2019.2 to 2024.1), more where it rounds and saturates.
        depth = context.registers(2 * context.fabric.add_ns)
        logic = Resources(lut=round((3.8 if context.stream else 2.3) * values * bits), ff=depth * values * bits)
    else:
        raise WeftError(f"layer {layer.name}: activation {function!r} has no cost model: run the layer on the CPU")
    return _timed(layer, context, depth, logic)


def softmax(layer: Layer, context: Context) -> Cost:
    """Softmax: maximum, exponential by table, sum, reciprocal by table, product.

    io_parallel: 4 cycles for 10 values (Vitis HLS 2023.2, xcu250, 5 ns), up to 20 on older parts and tools (FACTS),
    the worst case. io_stream adds 4 (8 for 6 values, Vitis HLS 2024.1). Two lookups a table, one product a value:
    3, 4, 5 block RAMs and 3, 5, 6 DSP are published for 3, 5, 6 values.
    """
    source, result = context.source(layer), context.result(layer)
    n = whole(layer, "n_in", channels(source)) if not context.stream else channels(source)
    slices = max(1, source.size // max(1, channels(source)))
    # hls4ml's "argmax" has no tables: it compares, and marks the largest.
    if layer.attributes.get("implementation") == "argmax" or layer.attributes.get("skip") is True:
        return _timed(layer, context, ceil(levels(n)), Resources(lut=4 * n * source.type.width))
    exponential, inverse = _type(layer, "exp_table_t", result.type), _type(layer, "inv_table_t", result.type)
    size = whole(layer, "exp_table_size", whole(layer, "table_size", 1024))
    table = rom(exponential.width, size)
    dsp = dsps_per_product(exponential, inverse, context.fabric)
    per_slice = channels(source)
    copies = Resources(bram18=ceil(per_slice / 2) * table.bram18, lut=ceil(per_slice / 2) * table.lut)
    inverted = rom(inverse.width, whole(layer, "inv_table_size", whole(layer, "table_size", 1024)))
    # 460 to 862 LUT and 389 to 1,143 FF for 5 and 6 values of 16 bits: about 7 and 6 a bit.
    logic = Resources(lut=7 * per_slice * source.type.width, ff=6 * per_slice * source.type.width, dsp=per_slice * dsp)
    compute_ns = 2 * context.fabric.add_ns * levels(per_slice) + context.fabric.multiply_ns
    best = 2 + context.registers(compute_ns)
    worst = max(best, 20)
    return _softmax_timing(context, slices, best, worst, copies + inverted + logic)


def _softmax_timing(context: Context, slices: int, best: int, worst: int, resources: Resources) -> Cost:
    if context.stream:
        first, last = (Timing(slices * (c + 4), slices * (c + 4), c + 4, 1 / slices) for c in (best, worst))
    else:
        first, last = (at_once(slices - 1 + c, slices) for c in (best, worst))
    return Cost(first, last, resources)


def _timed(layer: Layer, context: Context, depth: int, resources: Resources) -> Cost:
    """io_stream: pixels + 1 or 2 (129 for 128, 902 for 900; one element takes only its depth)."""
    if not context.stream:
        return Cost(at_once(depth), at_once(depth), resources)
    elements = beats(context.source(layer))
    return Cost(streamed(elements, 1, max(depth, 1)), streamed(elements, 1, depth + 2), resources)


def _tables(layer: Layer, context: Context, values: int) -> Resources:
    """One table a pair of values: a block RAM has two ports (5 block RAMs for 10 tanh, Vivado HLS 2020.1)."""
    table = rom(_type(layer, "table_t", context.result(layer).type).width, whole(layer, "table_size", 1024))
    bits = context.source(layer).type.width
    copies = ceil(values / 2)
    return Resources(lut=9 * values * bits + copies * table.lut, ff=2 * values * bits, bram18=copies * table.bram18)


def _width(layer: Layer, context: Context) -> int:
    source = context.source(layer)
    return channels(source) if context.stream else source.size


def _type(layer: Layer, name: str, default: FixedType) -> FixedType:
    value = layer.attributes.get(name)
    return value if isinstance(value, FixedType) else default


def _parameter(layer: Layer) -> FixedType:
    if "param" in layer.weights:
        return layer.weights["param"].type
    return _type(layer, "param_t", _type(layer, "slope_t", FixedType(16, 6)))
