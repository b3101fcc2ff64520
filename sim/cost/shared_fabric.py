"""LUT and FF of multipliers that products share by turns (strategy Resource)."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources
from weft.hls.precision import FixedType
from weft.sim.cost.family import is_fast, levels
from weft.sim.cost.model import Context
from weft.sim.cost.reading import WORD_BITS
from weft.sim.cost.tool import is_vitis


def direct_logic(
    data: FixedType, constant: FixedType, n_in: int, n_out: int, multipliers: int, context: Context
) -> Resources:
    """Dense whose multipliers keep to one output (RF up to n_in), and Dense that collects a stream.

    FF: two words an input, four of a stream, a sum an output, and the registers in a product. Within 4 % on 4 of 8
    layers of hls4ml_PYNQ_prj@a881b6f6 (xc7z020; two of 10 multipliers within 11 %, two of reuse 8 have a third more and
    take 20 cycles instead of 12) and 2 of 2 of toptagging_gru@6478cf04 (xcu250), 12 % on 5 of 5 streams on xc7z020
    (DNNonSilicon), 2 % on 2 of 2 of 1,024 multipliers on xcu250 (Keb-L/hls4ml-data@333aad62). LUT in Vivado HLS on 7
    series: 28 an input and 170 a multiplier (1,746, 7,696 and 14,496 for 2,345, 8,306 and 14,746 with 5, 40 and 80
    multipliers of a stream; 12,672 for 12,691 and 13,107 with 64 of 16 and 6 bits; three rows have half of it); else
    as `even_logic`.
    """
    inputs = (4 if context.stream else 2) * data.width * n_in
    ff = inputs + WORD_BITS * n_out + multipliers * _product_registers(data, constant, context)
    if is_vitis(context.tool) or is_fast(context.fabric):
        return Resources(lut=even_logic(n_in, n_out, multipliers).lut, ff=ff)
    return Resources(lut=28 * n_in + 170 * multipliers, ff=ff)


def _product_registers(data: FixedType, constant: FixedType, context: Context) -> int:
    """Bits registered along a multiplier: the sum's word, then the product, then its operands, as the clock asks.

    65 and 32 a multiplier of 16 and 6 bits on xc7z020 at 5 ns, 50 at 10 ns, 16 on xcu250 at 5 ns and none on xcu50 and
    xcu280 at 10 ns.
    """
    fabric = context.fabric
    product = data.width + constant.width
    stages = context.registers(fabric.lookup_ns + fabric.multiply_ns + fabric.tree_ns)
    return (0, WORD_BITS, WORD_BITS + product, 2 * product)[min(3, stages)]


def even_logic(n_in: int, n_out: int, multipliers: int) -> Resources:
    """Convolutions, and the LUT of direct Dense: fitted.

    LUT = 56 n_in + 46 n_out + 25 multipliers, FF = 39 n_in + 44 n_out + multipliers / 2: least squares of the relative
    error over 165 stacks (jdweitz/wa-hls4ml, Vitis HLS 2023.2) and 26 single layers of older tools, weighed alike.
    Median error on 20 streamed conv2d: LUT 29 %, FF 29 %.
    """
    return Resources(
        lut=56 * n_in + 46 * n_out + 25 * multipliers,
        ff=39 * n_in + 44 * n_out + multipliers // 2,
    )


def vitis_logic(n_in: int, n_out: int, multipliers: int, turns: int, bits: int) -> Resources:
    """Vitis, Dense in io_parallel: a choice among inputs, a sum an output, and a multiplexer of sums.

    The multiplexer is Vivado's (`vivado_logic`): 0.226 LUT a bit and output, padded to a power of two, where that has
    0.354 before synthesis; where a multiplier serves one or two outputs there is none, which no published row shows.
    Coefficients: least absolute relative error over 165 stacks of two and three layers at 2 to 16 bits and 8 to 128
    turns (jdweitz/wa-hls4ml, Vitis HLS 2023.2): median LUT 3.4 %, FF 4.7 %, 90th percentile 11 and 13 %. They are of
    after synthesis, so narrow products in LUTs and weights that HLS moved there are within them.
    """
    multiplexers = 0.226 * multipliers * bits * _padded(n_out) if turns > 2 else 0.0
    return Resources(
        lut=round(31.5 * n_in + (80.7 + 0.95 * bits) * n_out + multiplexers),
        ff=round(35.2 * n_in + 53.8 * n_out + 7.2 * multipliers),
    )


def _padded(n_out: int) -> int:
    """The next power of two."""
    return 1 << ceil(levels(n_out))


def vivado_logic(n_in: int, n_out: int, multipliers: int, turns: int, product_bits: int) -> Resources:
    """Vivado: multiplexers and registers of 16-bit sums, within 1 % on most of 496 rows (wa-hls4ml-search@8e70542).

    A multiplier that serves more than two outputs reads its sum through a multiplexer over all of them, padded to a
    power of two: 5.66 LUT a 16-bit word, near the 16/3 that a tree of 4:1 LUTs takes (22,998 to 107,679 LUT for 128-128
    to 256-256 at reuse 1024). 32 LUT an input and 4,700 in all are what is left; writing costs 8 LUT an output at 4
    turns and 16 to 20 at 8 and more; at 2 turns an output's own two-way choice costs 44.5. FF: a sum an output, a
    product a multiplier, 107 for the loop.
    """
    outputs = 44.5 * n_out if turns == 2 else 5.66 * multipliers * _padded(n_out) + min(20, 2 * turns) * n_out
    return Resources(lut=round(4700 + 32 * n_in + outputs), ff=WORD_BITS * n_out + product_bits * multipliers + 107)
