"""Pooling and global pooling, maximum and average."""

from __future__ import annotations

from weft.boards.resources import Resources
from weft.hls.design import Layer
from weft.sim.cost.family import is_fast, levels
from weft.sim.cost.laws import fabric as law_fabric
from weft.sim.cost.model import Context
from weft.sim.cost.reading import beats, channels, whole
from weft.sim.cost.timing import Cost, at_once, drained, streamed
from weft.sim.cost.tool import is_before, is_vitis

# Nanoseconds of a comparison and a choice on 7 series and on UltraScale+: 2 levels fit into 10 ns there and not into 5
# here, 4 levels take one register at 10 ns on both (the rows of `pooling`).
_COMPARE_NS = (4.3, 2.2)


def pooling(layer: Layer, context: Context) -> Cost:
    """Pooling1D and 2D. io_stream: one input pixel a cycle, then the comparisons of the last window.

    + 2 for 2x2 and + 3 for 4x4 at 10 ns on xcu50 and xcu280 (DNNonSilicon, Vivado HLS 2020.1), + 3 for 2x2 at 5 ns
    (Keb-L/hls4ml-data@333aad62 on xcvu9p, 2019.2; hls4ml tutorial on xcu250, 2020.1), two more through the FIFOs of an
    encoded window and on xc7z020, + 4 and + 5 at 10 ns. There a pixel takes two cycles at 5 ns and less (2,052 for
    32x32, AutoEncoder_hls4ml@dd6f3c2171; 1,803 and 348 for 30x30 and 13x13 at 2.5 ns, DNNonSilicon@a44b786d).
    """
    rows, columns = whole(layer, "pool_height", 1), whole(layer, "pool_width")
    source, result = context.source(layer), context.result(layer)
    bits = source.type.width
    if not context.stream:
        return _unrolled(context, rows * columns, result.size, bits)
    width, n_channels = whole(layer, "in_width", 0) or whole(layer, "n_in"), channels(source)
    pixels = beats(source)
    needs = ((rows - 1) * width + columns) / pixels
    fabric = context.fabric
    pace = 1 if is_vitis(context.tool) else min(2, 1 + context.registers(3 * fabric.add_ns))
    registers = context.registers(_COMPARE_NS[is_fast(fabric)] * levels(rows * columns))
    encoded = str(layer.attributes.get("implementation", "")).lower() == "encoded"
    depth = 2 + registers + (2 if encoded or (not is_fast(fabric) and pace == 1) else 0)
    timing = drained(streamed(pixels, pace, depth + pace - 1, needs))
    held = rows * columns * n_channels * bits
    sizes = (1, held, held * registers / pace, held - n_channels * bits)
    return Cost(timing, timing, law_fabric(_law(context, encoded), sizes))


def _law(context: Context, encoded: bool) -> str:
    if encoded:
        return "pool, encoded"
    era = "2019, " if is_before(context.tool, 2020) else ""
    return f"pool, {era}{'UltraScale+' if is_fast(context.fabric) else 'zynq7'}"


def global_pooling(layer: Layer, context: Context) -> Cost:
    """GlobalPooling1D and 2D. io_stream: pixels + 3 (131 for 128, Vitis HLS 2024.1), the output after the last."""
    source = context.source(layer)
    bits, n_channels = source.type.width, channels(source)
    if not context.stream:
        return _unrolled(context, beats(source), n_channels, bits)
    timing = drained(streamed(beats(source), 1, 3, 1.0))
    # 894 LUT and 528 FF for 16 channels of 16 bits (ECE226_CoDesign@5d10485a): 3.5 and 2 a bit.
    return Cost(timing, timing, Resources(lut=round(3.5 * n_channels * bits), ff=2 * n_channels * bits))


def _unrolled(context: Context, window: int, outputs: int, bits: int) -> Cost:
    """io_parallel: HLS chains compare and select one after another (44 cycles for 128 values, Vitis HLS 2024.1).

    There 8,489 LUT and 12,023 FF for one of 16 outputs, 4.2 LUT a bit compared and 0.134 FF a bit, value and stage:
    shift registers hold most of the values that wait (ECE226_CoDesign@bfc2fecf).
    """
    depth = context.registers(1.65 * context.fabric.add_ns * window)
    compared = outputs * max(1, window - 1) * bits
    timing = at_once(depth)
    waiting = depth * window * outputs * bits
    return Cost(timing, timing, Resources(lut=round(4.2 * compared), ff=round(0.134 * waiting)))
