"""Convolutions: 1D and 2D, pointwise, depthwise, separable."""

from __future__ import annotations

from math import ceil, log2

from weft.boards.resources import Resources
from weft.hls.design import Layer, Weight
from weft.sim.cost.family import is_fast
from weft.sim.cost.model import Context
from weft.sim.cost.multiplier import Products, products, weight_of
from weft.sim.cost.reading import partitions, reuse, whole
from weft.sim.cost.storage import CHOSEN_LUT
from weft.sim.cost.timing import Cost, Timing, at_once
from weft.sim.cost.tool import is_before, is_vitis
from weft.sim.cost.window import window_of
from weft.sim.cost.window_fabric import is_encoded, is_shared, queue_rams, window_fabric


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

    best, worst, run = joined(first.best, second.best), joined(first.worst, second.worst), joined(first.run, second.run)
    return Cost(best, worst, first.resources + second.resources, run)


def kernel_height(layer: Layer) -> int:
    """Rows of the kernel; 1 in one dimension."""
    return whole(layer, "filt_height", 1)


def _convolve(
    layer: Layer, context: Context, weight: Weight, fan_in: int, outputs: int, pointwise: bool = False
) -> Cost:
    array = products(layer, weight, context.source(layer).type, fan_in, outputs, context)
    if context.stream:
        return _stream(layer, context, array, weight, fan_in, pointwise)
    return _parallel(layer, context, array, fan_in, outputs)


def _parallel(layer: Layer, context: Context, array: Products, fan_in: int, outputs: int) -> Cost:
    """Partitions of the output run one after another through one array of products.

    128 partitions: 130 to 131 cycles, interval 128 (ECE226_CoDesign@bfc2fecf, Vitis HLS 2024.1). A Resource
    product has its own loop, which does not overlap with the next partition's. Each partition's inputs are chosen from
    the whole image and its outputs written into the whole result: 66,338 LUT and 87,424 FF there, 12,416 and 1,466 of
    them the array's, for 2 x 32,768 + 18,432 bits held and 432 chosen.
    """
    parts = partitions(layer)
    at_a_time = ceil(_output_pixels(layer) / max(1, parts))
    shared = layer.strategy.lower() == "resource" and layer.reuse_factor > 1
    pace = array.best + 1 if shared else array.interval
    best, worst = (at_once(parts * pace + depth, parts * pace) for depth in ((1, 2) if shared else (2, 3)))
    resources = array.resources * at_a_time
    if parts > 1:
        source, result = context.source(layer), context.result(layer)
        chosen, written = at_a_time * fan_in * source.type.width, result.size * result.type.width
        resources += Resources(
            lut=round(CHOSEN_LUT * parts * chosen) + written, ff=source.size * source.type.width + 2 * written
        )
    return Cost(best, worst, resources)


def _stream(layer: Layer, context: Context, array: Products, weight: Weight, fan_in: int, pointwise: bool) -> Cost:
    """One input pixel at a time through line buffers, or through a FIFO a window position ("encoded").

    csynth's best case takes every pixel for one that only moves the window, its worst every pixel for one that makes an
    output. Co-simulation shows the mixture, to a cycle: 9,545 between samples for 36 pixels of 2 and 64 of 148, and
    9,608 for 64 of 149 (Keb-L/hls4ml-data@333aad62, 7 networks; 2,593 and 1,460 with `_encoded_delay`).
    """
    rows, columns = (1, 1) if pointwise else (kernel_height(layer), whole(layer, "filt_width", 1))
    window = window_of(layer, context, rows, columns)
    shift, busy = _pixel_cycles(layer, context, array, fan_in, rows * columns)
    resources = window_fabric(layer, context, array.resources, weight, (rows, columns))
    if is_shared(layer) and not is_vitis(context.tool):
        run = window.expected(shift, busy + _encoded_delay(layer, context), 0)
        return Cost(window.every(shift, 0), window.every(busy, 0), resources, run)
    if is_shared(layer):
        # No report of Vitis' is known: its csynth is taken to bound as Vivado's does (2 H W to H W (RF + 4), FACTS).
        best, worst = (context.paced(window.every(cycles, 3)) for cycles in (shift, busy + 1))
        return Cost(best, worst, resources, context.paced(window.expected(shift, busy, 3)))
    # The last pixel's own cycles are among them: 82 pixels of 3 take 249 (Vitis HLS 2023.1), 784 of 3 take 2,354.
    timing = context.paced(window.every(busy, 3 if busy < 4 else 2))
    return Cost(
        timing, timing, resources, context.paced(window.expected(shift, busy + _encoded_delay(layer, context), 3))
    )


def _encoded_delay(layer: Layer, context: Context) -> int:
    """Reading a window's FIFOs from block RAM takes a cycle more than csynth counts: 2,593 and 1,460 cycles between
    samples for 256 outputs of 8 and 3 (a 5x5 window over rows of 16 values of 16 bits, 75 block RAMs); 3x3 over rows of
    8 is kept in LUTs and takes none (Keb-L/hls4ml-data@333aad62)."""
    return 1 if queue_rams(layer, context) else 0


def _pixel_cycles(layer: Layer, context: Context, array: Products, fan_in: int, kernel: int) -> tuple[int, int]:
    """Cycles of a pixel that moves the window and of one that also makes an output.

    Resource: RF + 3 or 4 (FACTS section 2). Latency under Vitis at reuse 1: 3 cycles at fan-in 3 and 27, 6 at 96, 7 at
    192 (HG-DREAM@274dba6e and ECE226_CoDesign@5d10485a, Vitis HLS 2023.1 and 2024.1), though the pragma asks for 1: the
    product sits inside a function with state that the next pixel needs. The two with 3 multiply in DSPs, the others sum
    in LUTs, log2(fan-in) - 1. A pointwise kernel has no such state: 85 cycles for 80 pixels. Vivado HLS takes RF
    (H*W + 3 or 4, FACTS; 2,354 for 784 pixels at reuse 3) or, where that is less, what its products take (10
    for 12, Keb-L/hls4ml-data@333aad62).
    """
    if is_shared(layer) and not is_vitis(context.tool):
        return _vivado_pixel(layer, context, fan_in)
    if is_shared(layer):
        return 2, array.best + 2
    if kernel == 1:
        return reuse(layer), reuse(layer)
    if not is_vitis(context.tool):
        pace = max(1, min(reuse(layer), array.best))
        return pace, pace
    cycles = max(reuse(layer), 3, 0 if array.resources.dsp else ceil(log2(max(2, fan_in))) - 1)
    return cycles, cycles


def _vivado_pixel(layer: Layer, context: Context, fan_in: int) -> tuple[int, int]:
    """Vivado HLS, Resource: a pixel that only shifts the window, and one that also makes outputs.

    2020.1 shifts the window's values one by one: 34 cycles at fan-in 36 and 6 at 9; before, it shifts all at once, in 2
    cycles on UltraScale+ and 4 on xc7z020. The product adds RF and 3 on xc7z020 (7 for 32 bits), 1 on xcu50 and 2 on
    xcvu9p: 12, 18, 45 cycles at reuse 3, 9, 36 and fan-in 9; 42, 46, 109 at 4, 9, 72 and fan-in 36; 47, 83 and 20 for
    32 bits at 36, 72 and 9; 29 and 148 at 25 and 144 (Keb-L/hls4ml-data@333aad62), one less where one turn is one
    output (147 for 144 of 144), one more for an encoded window, and for more than 512 values under 2018.2 (78 for 72 of
    576).
    """
    fast, factor = is_fast(context.fabric), layer.reuse_factor
    if is_before(context.tool, 2020) and fast:
        single = 1 if factor == fan_in and not is_before(context.tool, 2019) else 0
        return 2, 4 + factor - single + (1 if is_encoded(layer) else 0) + _wide_delay(context, fan_in)
    bits = context.source(layer).type.width
    shift = 4 if is_before(context.tool, 2020) else max(2, fan_in - (3 if fan_in < 18 else 2))
    product = 1 if fast else 3
    return shift, shift + factor + product * (2 if bits > 18 else 1) + (1 if bits > 18 else 0)


def _wide_delay(context: Context, fan_in: int) -> int:
    return 1 if is_before(context.tool, 2019) and fan_in > 512 else 0


def _output_pixels(layer: Layer) -> int:
    return whole(layer, "out_width") * whole(layer, "out_height", 1)
