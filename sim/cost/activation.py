"""Activations: by comparison, by a multiplication, by table."""

from __future__ import annotations

from math import ceil

from weft.boards.errors import WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.hls.precision import FixedType
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.family import is_fast
from weft.sim.cost.model import Context
from weft.sim.cost.reading import attribute_type, beats, channels, whole
from weft.sim.cost.storage import rom
from weft.sim.cost.timing import Cost, at_once, streamed
from weft.sim.cost.tool import is_before, is_vitis

_COMPARED = {"linear", "relu", "relu1", "relu6", "relu_max", "hard_sigmoid", "hard_tanh", "binary_tanh", "ternary_tanh",
             "thresholded_relu", "thresholdedrelu", "clip", "unary_lut", "fixedpointquantizer",
             "batchnormalizationquantizedtanh"}  # fmt: skip
_MULTIPLIED = {"leaky_relu", "leakyrelu", "prelu"}
_TABLED = {"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"}
_SCALED = {"hard_sigmoid", "hard_tanh"}

_MANY_LOST = 5  # integer bits, from which on a saturation test costs about as much whatever they are (`_compared`)
_CHOICE_LUT = 1.75  # a bit, of Vivado HLS in io_parallel (`_compared`)


def activation(layer: Layer, context: Context) -> Cost:
    """Every activation but softmax; one value of every channel at once in io_stream, all values in io_parallel."""
    function = str(layer.attributes.get("activation", layer.kind)).lower()
    values = _width(layer, context)
    bits = context.source(layer).type.width
    if function in _TABLED or function == "unary_lut":
        depth, logic = 2, tables(layer, context, values, bits)
    elif function in _MULTIPLIED or function in _SCALED:
        depth = context.registers(context.fabric.multiply_ns)
        logic = _multiplied(layer, context, values)
    elif function in _COMPARED:
        # relu: 0 cycles at 5 ns and 1 at 3.33 ns (FACTS).
        depth = context.registers(2 * context.fabric.add_ns)
        logic = _compared(layer, context, values, depth)
    else:
        raise WeftError(f"layer {layer.name}: activation {function!r} has no cost model: run the layer on the CPU")
    return compared_timing(layer, context, depth, logic)


def _compared(layer: Layer, context: Context, values: int, depth: int) -> Resources:
    """A comparison and a choice a value, and where the result saturates, a test of every bit that it loses.

    Published relus, 16 bits, io_parallel: 28 LUT a value in a pipeline of Vivado HLS 2020.1; as a process of its own 37
    a value and 11, and registers for all but the sign: 962 FF for 64 values of 16 bits, 322 of 6 (2019.2 and 2020.1),
    47 and 11 and 30,722 FF for 2,048 (Vitis HLS 2024.1). io_stream: 47 and 108 for the loop, and 70 at 32 bits (2019.2
    and 2020.1). Saturated: 43, 54, 94, 125 where 3, 4, 5, 6 integer bits go, 96 to 106 where 11 and 12 go. FF in a
    pipeline: two registers a value at 3.33 ns (32 to 33).
    """
    source, result = context.source(layer).type, context.result(layer).type
    lost, saturates = source.integer - result.integer, result.overflow != "WRAP"
    bare = not is_vitis(context.tool) and not context.stream
    # Vivado's relu that saturates registers likewise (hls4ml_PYNQ_prj@a881b6f6).
    own = context.dataflow or (bare and saturates)
    if saturates and lost > 0:
        each = 14.0 * lost if lost < _MANY_LOST else 105.0
    else:
        each = _CHOICE_LUT * source.width + (9 if own else 0) if bare else _choice(source.width)
    if context.stream:
        return _loop(layer, context) + Resources(lut=round(each * values))
    if own:
        return Resources(lut=round(each * values) + 11, ff=(result.width - result.signed) * values + 2)
    return Resources(lut=round(each * values), ff=2 * depth * values * source.width)


def _choice(bits: int) -> float:
    """LUT of a comparison and a choice between values of `bits`: 47 for 16 and 70 for 32."""
    return 24 + 1.45 * bits


def _loop(layer: Layer, context: Context) -> Resources:
    """A loop over a stream: 108 LUT and 10 to 19 FF, and 3 FF without a loop. Vivado HLS registers the element on
    xc7z020, once at 10 ns (84 and 143 for 64 and 128 bits, DNNonSilicon) and twice at 5 (337 and 597 for 128 and 256,
    AutoEncoder_hls4ml@dd6f3c2171), Vitis HLS one that saturates (205 for 32 of 6 bits, HG-DREAM@274dba6e)."""
    if beats(context.source(layer)) == 1:
        return Resources(ff=3)
    result = context.result(layer)
    element = channels(result) * result.type.width
    held = element if is_vitis(context.tool) and result.type.overflow != "WRAP" else 0
    if not is_vitis(context.tool) and not is_fast(context.fabric):
        held = element * (1 + context.registers(3 * context.fabric.add_ns))
    return Resources(lut=108, ff=16 + held)


def _multiplied(layer: Layer, context: Context, values: int) -> Resources:
    """A product by a constant or a parameter and the choice whether to take it.

    io_stream: one DSP a value, a relu's LUT (484, 860, 3,116, 6,124 for 8 to 128 values of 16 bits) and its loop;
    2018.2 also registers the element (147, 273, 1,043, 2,065 FF; Keb-L/hls4ml-data@333aad62).
    """
    source = context.source(layer).type
    dsp = values * dsps_per_product(source, _parameter(layer), context.fabric, context.tool)
    if not context.stream:
        return Resources(lut=3 * values * source.width, ff=values * source.width, dsp=dsp)
    held = values * source.width if is_before(context.tool, 2019) else 0
    return _loop(layer, context) + Resources(lut=round(_choice(source.width) * values), ff=held, dsp=dsp)


def compared_timing(layer: Layer, context: Context, depth: int, resources: Resources) -> Cost:
    """How long an activation takes. io_stream: pixels + 2 or 3 (902 for 900, 679 for 676, 129 for 128); one element is
    no loop: its depth only."""
    elements = beats(context.source(layer))
    if not context.stream or elements == 1:
        return Cost(at_once(depth), at_once(depth), resources)
    best, worst = (context.paced(streamed(elements, 1, depth + more)) for more in (2, 3))
    return Cost(best, worst, resources)


def tables(layer: Layer, context: Context, values: int, bits: int) -> Resources:
    """`values` lookups of `bits`: one table a pair, as a block RAM has two ports (5 block RAMs for 10 tanh and 20 for
    40 sigmoids, Vivado HLS 2020.1 and 2019.2). 8 to 9 LUT a bit (5,084 for 40 sigmoids, 2,684 for 20 tanh, 142 for
    one)."""
    table = rom(attribute_type(layer, "table_t", context.result(layer).type).width, whole(layer, "table_size", 1024))
    copies = ceil(values / 2)
    held = values * bits if context.stream else 0  # 2 and 3 FF in io_parallel, 305 for 10 values in io_stream
    return Resources(lut=round(8.4 * values * bits) + copies * table.lut, ff=2 * held + 3, bram18=copies * table.bram18)


def _width(layer: Layer, context: Context) -> int:
    source = context.source(layer)
    return channels(source) if context.stream else source.size


def _parameter(layer: Layer) -> FixedType:
    if "param" in layer.weights:
        return layer.weights["param"].type
    return attribute_type(layer, "param_t", attribute_type(layer, "slope_t", FixedType(16, 6)))
