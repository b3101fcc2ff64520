"""Convolutions: 1D and 2D, pointwise, depthwise, separable."""

from __future__ import annotations

from math import ceil, log2

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.sim.cost.model import Context, Cost, Timing, at_once, is_vitis, reuse, streamed, whole
from weft.sim.cost.multiplier import Products, products, weight_of
from weft.sim.cost.storage import shift_register


def convolution(layer: Layer, context: Context) -> Cost:
    """Conv1D, Conv2D and their pointwise forms: every output sees kernel x channels values."""
    fan_in = kernel_height(layer) * whole(layer, "filt_width", 1) * whole(layer, "n_chan")
    return _convolve(layer, context, weight_of(layer), fan_in, whole(layer, "n_filt"))


def depthwise(layer: Layer, context: Context) -> Cost:
    """DepthwiseConv1D and 2D: every output sees one channel of the kernel."""
    name = "weight" if "weight" in layer.weights else "depthwise"
    fan_in = kernel_height(layer) * whole(layer, "filt_width")
    outputs = whole(layer, "n_chan") * whole(layer, "depth_multiplier", 1)
    return _convolve(layer, context, weight_of(layer, name), fan_in, outputs)


def separable(layer: Layer, context: Context) -> Cost:
    """SeparableConv1D and 2D: a depthwise convolution feeding a pointwise one, side by side."""
    first = depthwise(layer, context)
    middle = whole(layer, "n_chan") * whole(layer, "depth_multiplier", 1)
    second = _convolve(layer, context, weight_of(layer, "pointwise"), middle, whole(layer, "n_filt"), pointwise=True)

    def joined(a: Timing, b: Timing) -> Timing:
        return Timing(a.latency + b.depth, max(a.interval, b.interval), a.depth + b.depth, a.needs)

    return Cost(joined(first.best, second.best), joined(first.worst, second.worst), first.resources + second.resources)


def kernel_height(layer: Layer) -> int:
    """Rows of the kernel; 1 in one dimension."""
    return whole(layer, "filt_height", 1)


def _convolve(
    layer: Layer, context: Context, weight: Weight, fan_in: int, outputs: int, pointwise: bool = False
) -> Cost:
    array = products(layer, weight, context.source(layer).type, fan_in, outputs, context)
    if context.stream:
        return _stream(layer, context, array, fan_in, pointwise)
    return _parallel(layer, array)


def _parallel(layer: Layer, array: Products) -> Cost:
    """Partitions of the output run one after another through one array of products.

    128 partitions: 130 to 131 cycles, interval 128 (ECE226_CoDesign@bfc2fecf, Vitis HLS 2024.1). A Resource
    product has its own loop, which does not overlap with the next partition's.
    """
    pixels = _output_pixels(layer)
    partitions = whole(layer, "n_partitions", ceil(pixels / whole(layer, "parallelization_factor", 1)))
    at_a_time = ceil(pixels / max(1, partitions))
    shared = layer.strategy.lower() == "resource" and layer.reuse_factor > 1
    pace = array.best + 1 if shared else array.interval
    best, worst = (at_once(partitions * pace + depth, partitions * pace) for depth in ((1, 2) if shared else (2, 3)))
    return Cost(best, worst, _times(array.resources, at_a_time))


def _stream(layer: Layer, context: Context, array: Products, fan_in: int, pointwise: bool) -> Cost:
    """One input pixel at a time through line buffers; the first output needs (rows - 1) * width + columns of them."""
    width, height = whole(layer, "in_width"), whole(layer, "in_height", 1)
    rows, columns = (1, 1) if pointwise else (kernel_height(layer), whole(layer, "filt_width", 1))
    pixels = width * height
    needs = ((rows - 1) * width + columns) / pixels
    channels, bits = whole(layer, "n_chan"), context.source(layer).type.width
    lines = shift_register((rows - 1) * channels * bits, width) if rows > 1 else Resources()
    window = Resources(ff=rows * columns * channels * bits)
    best, worst = _pixel_cycles(layer, context, array, fan_in, rows * columns)
    emitted = min(pixels, _output_pixels(layer))
    if layer.strategy.lower() == "resource" and layer.reuse_factor > 1 and not is_vitis(context.tool):
        shortest, longest = Timing(pixels * best, pixels * best, best, needs), streamed(pixels, worst, 0, needs)
        return Cost(shortest, longest, array.resources + lines + window)
    if layer.strategy.lower() == "resource" and layer.reuse_factor > 1:
        # A border pixel only shifts the window, 2 cycles; csynth's maximum counts all as if they emitted (FACTS).
        busy = emitted * best + (pixels - emitted) * 2
        shortest = Timing(busy + 3, busy, best + 3, min(1.0, needs))
    else:
        shortest = streamed(pixels, best, 3, needs)
    # The last pixel's own cycles are among them: 82 pixels of 3 take 249 (Vitis HLS 2023.1), 784 of 3 take 2,354.
    longest = streamed(pixels, worst, 3, needs)
    return Cost(context.paced(shortest), context.paced(longest), array.resources + lines + window)


def _pixel_cycles(layer: Layer, context: Context, array: Products, fan_in: int, kernel: int) -> tuple[int, int]:
    """Cycles an input pixel takes, best and worst.

    Resource: RF + 3 or 4 (FACTS section 2). Latency under Vitis at reuse 1: 3 cycles at fan-in 3 and 27, 6 at 96, 7 at
    192 (HG-DREAM@274dba6e and ECE226_CoDesign@5d10485a, Vitis HLS 2023.1 and 2024.1), though the pragma asks for 1: the
    product sits inside a function with state that the next pixel needs. The two with 3 multiply in DSPs, the others sum
    in LUTs, log2(fan-in) - 1. A pointwise kernel has no such state: 85 cycles for 80 pixels. Vivado HLS takes RF
    (H*W + 3 or 4, FACTS; 2,354 for 784 pixels at reuse 3).
    """
    if layer.strategy.lower() == "resource" and layer.reuse_factor > 1 and not is_vitis(context.tool):
        return _vivado_pixel(context, layer.reuse_factor, fan_in, context.source(layer).type.width)
    if layer.strategy.lower() == "resource" and layer.reuse_factor > 1:
        return array.best + 2, array.worst + 2
    if kernel == 1:
        return reuse(layer), reuse(layer)
    if not is_vitis(context.tool):
        return reuse(layer), reuse(layer)
    cycles = max(reuse(layer), 3, 0 if array.resources.dsp else ceil(log2(max(2, fan_in))) - 1)
    return cycles, cycles


def _vivado_pixel(context: Context, factor: int, fan_in: int, bits: int) -> tuple[int, int]:
    """Vivado HLS, Resource: a pixel that only shifts the window, and one that also makes outputs.

    2020.1 shifts the window's values one by one: 34 cycles at fan-in 36 and 6 at 9; 2019.2 in 4 whatever the channels.
    The product adds RF and 3 on xc7z020 (1 on xcu50), 7 for 32 bits: 12, 18, 45 cycles at reuse 3, 9, 36 and fan-in 9;
    42, 46, 109 at 4, 9, 72 and fan-in 36; 47, 83 and 20 for 32 bits at 36, 72 and 9.
    """
    shift = 4 if context.tool < "vivado-2020" else max(2, fan_in - (3 if fan_in < 18 else 2))
    product = 1 if context.fabric.add_ns < 1 else 3
    return shift, shift + factor + product * (2 if bits > 18 else 1) + (1 if bits > 18 else 0)


def _output_pixels(layer: Layer) -> int:
    return whole(layer, "out_width") * whole(layer, "out_height", 1)


def _times(resources: Resources, count: int) -> Resources:
    return Resources(*(value * count for value in resources.as_dict().values()))
