"""Activations: by comparison, by a multiplication, by table, and softmax."""

from __future__ import annotations

from math import ceil

from weft.boards.errors import WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.hls.precision import FixedType
from weft.sim.cost.model import (
    Context,
    Cost,
    at_once,
    beats,
    channels,
    drained,
    is_vitis,
    levels,
    reuse,
    streamed,
    whole,
)
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
        # relu: 0 cycles at 5 ns and 1 at 3.33 ns (FACTS).
        depth = context.registers(2 * context.fabric.add_ns)
        logic = _compared(layer, context, values, depth)
    else:
        raise WeftError(f"layer {layer.name}: activation {function!r} has no cost model: run the layer on the CPU")
    return _timed(layer, context, depth, logic)


def _compared(layer: Layer, context: Context, values: int, depth: int) -> Resources:
    """A comparison and a choice a value, and where the result saturates, a test of every bit that it loses.

    Published relus, 16 bits: 28 LUT a value (Vivado HLS 2020.1, io_parallel); 47 and 108 for the loop in io_stream, and
    70 at 32 bits (2019.2 and 2020.1); 47 (Vitis HLS 2024.1). Saturated: 43, 54, 94, 125 where 3, 4, 5, 6 integer bits
    go, 96 to 106 where 11 and 12 go. FF: two registers a value at 3.33 ns (32 to 33), otherwise the loop's.
    """
    source_tensor = context.source(layer)
    source, result = source_tensor.type, context.result(layer).type
    bits, lost = source.width, source.integer - result.integer
    plain = 1.75 * bits if not is_vitis(context.tool) and not context.stream else 24 + 1.45 * bits
    each = min(100.0, 14.0 * lost) if result.overflow != "WRAP" and lost > 0 else plain
    if context.dataflow:
        # Its own process, which registers its outputs, whose sign is always 0: FF 15 a value and 2 for 16 bits, 5 and 2
        # for 6 (8 of 8: hls4ml_PYNQ_prj@a881b6f6, toptagging_gru@6478cf04, ECE226_CoDesign@bfc2fecf). LUT: 37 a value
        # and 11 where a pipeline has 28 (Vivado HLS 2019.2 and 2020.1), 47 and 11 (Vitis HLS 2024.1).
        each += 0 if is_vitis(context.tool) else 9
        return Resources(lut=round(each * values) + 11, ff=(result.width - result.signed) * values + 2)
    looped = context.stream and beats(source_tensor) > 1
    loop = Resources(lut=108, ff=16) if looped else Resources()
    held = context.registers(3 * context.fabric.add_ns) if looped else 2 * depth
    return loop + Resources(lut=round(each * values), ff=held * values * bits)


def softmax(layer: Layer, context: Context) -> Cost:
    """Softmax: maximum, exponential by table, sum, reciprocal by table, product.

    io_parallel: 4 cycles for 10 values (Vitis HLS 2023.2, xcu250, 5 ns), 12 and 14 for 6 and 10 (2021.1, xc7z007s).
    io_stream: a slice every RF cycles, + 13 to 15 on xc7z020 (2,717 for 676 slices at reuse 4, Vivado HLS 2020.1) and 6
    on xcu280, with ceil(n / RF) products and as many lookups: 3, 2, 1, 1, 4, 1 DSP and 3, 2, 2, 2, 3, 2 block RAMs
    exactly. Vivado looks up two values in one table, Vitis has one for each (3, 5, 6, 10 for so many values, 2021.1).
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
    pace = reuse(layer) if context.stream else 1
    parallel = ceil(per_slice / pace)
    tables = max(1, parallel - 1) if is_vitis(context.tool) else ceil(parallel / 2)
    copies = Resources(bram18=tables * table.bram18, lut=tables * table.lut)
    inverted = rom(inverse.width, whole(layer, "inv_table_size", whole(layer, "table_size", 1024)))
    fabric = context.fabric
    compute_ns = 3 * fabric.add_ns * levels(per_slice) + fabric.multiply_ns + 2 * fabric.lookup_ns
    cycles = 1 + context.registers(compute_ns)
    # 406 to 1,513 LUT and 608 to 2,082 FF for 3 to 10 values of 16 bits: 9 a bit, and one register a bit and cycle.
    value_bits = per_slice * source.type.width
    logic = Resources(lut=9 * value_bits, ff=(cycles - 1) * value_bits, dsp=parallel * dsp)
    if not context.stream:
        timing = at_once(slices - 1 + cycles, slices)
        return Cost(timing, timing, copies + inverted + logic)
    best, worst = (streamed(slices, pace, cycles + more) for more in (3, 5))
    return Cost(drained(best), drained(worst), copies + inverted + logic)


def _timed(layer: Layer, context: Context, depth: int, resources: Resources) -> Cost:
    """io_stream: pixels + 2 or 3 (902 for 900, 679 for 676, 129 for 128); one element is no loop: its depth only."""
    elements = beats(context.source(layer))
    if not context.stream or elements == 1:
        return Cost(at_once(depth), at_once(depth), resources)
    best, worst = (context.paced(streamed(elements, 1, depth + more)) for more in (2, 3))
    return Cost(best, worst, resources)


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
