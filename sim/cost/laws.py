"""Fitted fabric: LUT and FF as sums of a layer's sizes, each with a coefficient that published reports give.

Least absolute relative error over the rows named; `make bench` refits each law without one design at a time and prints
how well it foretells that design. A family is a tool and a fabric, since HLS builds a window otherwise in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from weft.boards.resources import Resources


class Law(NamedTuple):
    """Coefficients of LUT and FF, one a size."""

    lut: tuple[float, ...]
    ff: tuple[float, ...]


# Stream convolutions with Resource, Vivado HLS. Sizes: 1, bits of the window, bits of an output element, and
# multipliers times data bits times weight bits / 16. Under 2020.1 the window is shifted value by value, hence its
# multiplexers.
_CONVOLUTIONS = {
    # AutoEncoder_hls4ml@dd6f3c2171, 7 layers of 32 bits: LUT 5 %, FF 1 % in the median.
    "line buffer, 2019, zynq7": Law(lut=(1200, 0.22, 0, 0.47), ff=(478, 1.56, 0, 5.3)),
    # Keb-L/hls4ml-data@333aad62, 12 layers of 3 networks: LUT 24 %, FF 1 %. Two of them take 333,347 and 434,445 LUT
    # for the same convolution, two 21,788 for 24 multipliers: what LUTs depend on is not among the sizes.
    "line buffer, 2019, UltraScale+": Law(lut=(6000, 0, 0, 18.75), ff=(0, 1.83, 2.86, 0.377)),
    # DNNonSilicon, 10 layers on xc7z020 and 2 on xcu50: LUT 8 %, FF 1 %.
    "line buffer, 2020, zynq7": Law(lut=(0, 1.83, 10.9, 2.14), ff=(0, 1.08, 12.0, 4.2)),
    "line buffer, 2020, UltraScale+": Law(lut=(0, 1.83, 10.9, 2.14), ff=(0, 1.08, 12.0, 0)),
    # Keb-L, 15 layers of 5 networks (2018.2 and 2019.2): a FIFO for each value of the window, in LUTs or in block RAM.
    "encoded in LUTs": Law(lut=(0, 7.0, 0, 1.25), ff=(0, 6.4, 2.4, 0.9)),
    "encoded in block RAM": Law(lut=(0, 3.3, 0, 1.25), ff=(0, 3.3, 2.4, 0.6)),
}

# Stream poolings, Vitis HLS taken to build them as Vivado HLS 2020.1 does. Sizes: 1, bits of the window, those bits
# times pipeline registers over cycles a pixel, bits compared.
_POOLINGS = {
    # AutoEncoder_hls4ml@dd6f3c2171, 3 layers.
    "pool, 2019, zynq7": Law(lut=(520, 0, 0, 2.1), ff=(290, 2.2, 0.6, 0)),
    # DNNonSilicon, 12 layers on xc7z020.
    "pool, zynq7": Law(lut=(500, 0, 0, 6.0), ff=(290, 2.2, 2.3, 0)),
    # DNNonSilicon, 3 layers on xcu50 and xcu280, 10 ns; the hls4ml tutorial's 3 at 5 ns have half the LUT.
    "pool, UltraScale+": Law(lut=(500, 0, 0, 5.8), ff=(290, 1.28, 0.3, 0)),
    # Keb-L, 4 layers of 2019.2, a line buffer before the one that hls4ml took over.
    "pool, 2019, UltraScale+": Law(lut=(300, 0, 0, 2.9), ff=(140, 4.3, 0, 0)),
    # Keb-L, 12 layers of 2018.2 and 2019.2.
    "pool, encoded": Law(lut=(300, 0, 0, 4.7), ff=(203, 0.62, 0, 0)),
}

LAWS = _CONVOLUTIONS | _POOLINGS


def fabric(law: str, sizes: Sequence[float]) -> Resources:
    """LUT and FF by a law of `LAWS`."""
    lut, ff = (sum(c * size for c, size in zip(side, sizes, strict=True)) for side in LAWS[law])
    return Resources(lut=round(lut), ff=round(ff))
