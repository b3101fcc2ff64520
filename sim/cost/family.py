"""What a device family's fabric does in a nanosecond: the delays behind pipeline depths, and its DSP blocks."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

from weft.boards.errors import WeftError


@dataclass(frozen=True)
class Fabric:
    """Delays (ns) and DSP operand widths (bits) of one device family.

    `multiply_ns` to the product, `turn_ns` through the multiplexers and the product of a shared multiplier to a sum,
    `adjust_ns` to align shifted terms, `tree_ns` a level of an adder tree, `add_ns` one addition or comparison,
    `lookup_ns` a table.
    """

    multiply_ns: float
    turn_ns: float
    adjust_ns: float
    tree_ns: float
    add_ns: float
    lookup_ns: float
    dsp_wide: int
    dsp_narrow: int

    def registers(self, delay_ns: float, clock_ns: float) -> int:
        """Pipeline registers that logic of this delay needs."""
        return max(0, ceil(delay_ns / usable_ns(clock_ns)) - 1)


def usable_ns(clock_ns: float) -> float:
    """What logic may take of a clock period: HLS keeps an eighth (12.5 %) in reserve."""
    return 0.875 * clock_ns


# Delays that explain published csynth latencies. Product and tree level, zynq7: the 12 Dense layers of
# hls4ml_MLP_estimator@72e2e22e that have trees (Vitis HLS 2021.1, xc7z007s-2, 3.33 and 5 ns: 9 exact, 3 one off) and
# 128-3 with 384 and 96 weights at 25 ns (Vivado HLS 2020.1). UltraScale+: wa-hls4ml-search@8e70542 (Vivado HLS 2020.1,
# xcu250-2L, 5 ns: 0 cycles at 2 bits, 1 above and for 96-32) and CE6370@8b151865 (2023.2: 1 cycle for 289 weights an
# output); the latter bounds a level from above, 96-32 from below: 0.766 to 0.777 ns. A lookup is softmax's: 13 and 16
# cycles at 3 and 5 values and 3.33 ns, 12 and 14 at 6 and 10 values and 5 ns on zynq7, 4 on UltraScale+.
# DSP48E1 multiplies 25x18 (UG479), DSP48E2 27x18 (UG579).
_ULTRASCALE_PLUS = Fabric(
    multiply_ns=2.4, turn_ns=10.0, adjust_ns=1.0, tree_ns=0.77, add_ns=0.95, lookup_ns=2.0, dsp_wide=27, dsp_narrow=18
)
_FABRICS = {
    "zynq7": Fabric(
        multiply_ns=9.0,
        turn_ns=16.0,
        adjust_ns=1.0,
        tree_ns=3.0,
        add_ns=1.9,
        lookup_ns=11.0,
        dsp_wide=25,
        dsp_narrow=18,
    ),
    "zynq_ultrascale_plus": _ULTRASCALE_PLUS,
    "alveo": _ULTRASCALE_PLUS,
}


def fabric_of(family: str) -> Fabric:
    """The delays of a board's family. Raises WeftError for one that has not been measured."""
    if family not in _FABRICS:
        raise WeftError(f"family {family!r} has no cycle model: weft knows {', '.join(_FABRICS)}")
    return _FABRICS[family]


def is_fast(fabric: Fabric) -> bool:
    """Whether a fabric is UltraScale+ rather than 7 series."""
    return fabric.add_ns < 1


def levels(count: int) -> float:
    """Depth of a balanced tree over `count` values; not rounded, because HLS packs uneven levels together."""
    return log2(max(1, count))
