"""LUT, FF and block RAM of a convolution over a stream: products, the window's registers, and the rows above it."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.sim.cost.family import is_fast
from weft.sim.cost.laws import fabric
from weft.sim.cost.model import Context
from weft.sim.cost.reading import channels, whole
from weft.sim.cost.storage import SMALLEST_BITS, block_rams, shift_register
from weft.sim.cost.tool import is_before, is_vitis


def window_fabric(
    layer: Layer, context: Context, products: Resources, weight: Weight, window: tuple[int, int]
) -> Resources:
    """`products` and a `window` of rows x columns. Vivado's Resource convolutions follow fitted laws as a whole."""
    rows, columns = window
    source = context.source(layer)
    bits, n_chan = source.type.width, channels(source)
    held = rows * columns * n_chan * bits
    queues = Resources(bram18=rows * columns * n_chan * queue_rams(layer, context))
    if is_shared(layer) and not is_vitis(context.tool):
        multipliers = ceil(weight.raw.size / layer.reuse_factor)
        result = context.result(layer)
        products_bits = multipliers * bits * weight.type.width
        sizes = (1, held, channels(result) * result.type.width, products_bits / 16)
        logic = fabric(_law(layer, context), sizes)
        soft = 0 if products.dsp else products_bits  # one LUT a partial-product bit
        return replace(products, lut=logic.lut + soft, ff=logic.ff) + queues
    lines = shift_register((rows - 1) * n_chan * bits, whole(layer, "in_width")) if rows > 1 else Resources()
    if is_vitis(context.tool) and not is_shared(layer):
        products = replace(products, ff=_sums_ff(layer, context, weight))
    return products + lines + Resources(ff=held) + queues


def _sums_ff(layer: Layer, context: Context, weight: Weight) -> int:
    """Vitis, Latency: a pixel takes the product function several cycles, so its sums are held once, after two levels of
    the tree, and the outputs: 12,487, 22,548 and 21,855 FF for 3,072, 6,144 and 6,144 products of 6 x 8 bits, 3,097 for
    432 of 16 x 16 (HG-DREAM@274dba6e, ECE226_CoDesign@5d10485a, Vitis HLS 2023.1 and 2024.1)."""
    bits = context.source(layer).type.width + weight.type.width
    result = context.result(layer)
    return np.count_nonzero(weight.raw) * bits // 4 + channels(result) * result.type.width


def queue_rams(layer: Layer, context: Context) -> int:
    """Block RAMs of one of an encoded window's FIFOs, which keeps its value of each window in kernel-height rows: 75
    for the 5x5x3 values of a window over rows of 16, none for 3x3 over rows of 8 (Keb-L/hls4ml-data@333aad62)."""
    depth = whole(layer, "filt_height", 1) * whole(layer, "out_width")
    bits = context.source(layer).type.width
    return block_rams(bits, depth) if is_encoded(layer) and depth * bits > SMALLEST_BITS else 0


def is_shared(layer: Layer) -> bool:
    """Whether products take turns on multipliers."""
    return layer.strategy.lower() == "resource" and layer.reuse_factor > 1


def is_encoded(layer: Layer) -> bool:
    """Whether the window is FIFOs (hls4ml's ConvImplementation "Encoded", Vivado only) instead of line buffers."""
    return str(layer.attributes.get("implementation", "")).lower() == "encoded"


def _law(layer: Layer, context: Context) -> str:
    if is_encoded(layer):
        return "encoded in block RAM" if queue_rams(layer, context) else "encoded in LUTs"
    era = "2019" if is_before(context.tool, 2020) else "2020"
    return f"line buffer, {era}, {'UltraScale+' if is_fast(context.fabric) else 'zynq7'}"
