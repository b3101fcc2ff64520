"""Layers of two inputs: Merge (add, subtract, multiply, average, maximum, minimum) and Concatenate."""

from __future__ import annotations

from weft.boards.errors import WeftError
from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.model import Context
from weft.sim.cost.reading import beats, channels
from weft.sim.cost.timing import Cost, at_once, streamed

_ADDED = {"add", "subtract", "average", "maximum", "minimum"}


def merge(layer: Layer, context: Context) -> Cost:
    """One result a value, both inputs read together: pixels + 2 in io_stream."""
    operation = str(layer.attributes.get("op", "")).lower()
    first = context.source(layer)
    second = context.design.tensors.get(layer.inputs[-1], first)
    result = context.result(layer)
    values = channels(result) if context.stream else result.size
    bits = max(first.type.width, second.type.width)
    if operation == "multiply":
        dsp = dsps_per_product(first.type, second.type, context.fabric, context.tool)
        soft = 0 if dsp else first.type.width * second.type.width
        depth, logic = context.registers(context.fabric.multiply_ns), Resources(lut=soft * values, dsp=dsp * values)
    elif operation in _ADDED:
        depth, logic = context.registers(2 * context.fabric.add_ns), Resources(lut=2 * bits * values)
    else:
        raise WeftError(f"layer {layer.name}: merge {operation!r} has no cost model: run the layer on the CPU")
    logic += Resources(ff=(depth + context.stream) * bits * values)
    timing = streamed(beats(result), 1, depth + 2) if context.stream else at_once(depth)
    return Cost(timing, timing, logic)


def concatenate(layer: Layer, context: Context) -> Cost:
    """Wires in io_parallel; in io_stream one output element a cycle."""
    if not context.stream:
        return Cost(at_once(0), at_once(0))
    result = context.result(layer)
    bits = channels(result) * result.type.width
    # Along the last axis both inputs are read together; along others the second waits for the first to end.
    last = channels(result) != channels(context.source(layer))
    timing = streamed(beats(result), 1, 2, 0.0 if last else 0.5)
    return Cost(timing, timing, Resources(lut=bits, ff=bits))
