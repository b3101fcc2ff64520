"""Memory: which block RAMs a table or a ROM takes."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources

# Width x depth of one 18 Kb block RAM: AMD UG473 (7 series) and UG573 (UltraScale), simple dual port and ROM.
_ASPECTS = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))

# Below this many bits HLS keeps a memory in LUTs: published weights of 576 and 960 bits have no block RAM, those of
# 2,304 bits and more have (Vivado HLS 2019.2 and 2020.1).
SMALLEST_BITS = 1024

#: LUT of a multiplexer, a bit and choice: 1,492, 622 and 435 LUT for rows of 16, 8 and 4 elements of 256 and 128 bits
#: (resizing, AutoEncoder_hls4ml@dd6f3c2171).
CHOSEN_LUT = 0.31

LUT_BITS = 32  # one SLICEM LUT is a 32-bit shift register (UG474, UG574)


def block_rams(width: int, depth: int) -> int:
    """18 Kb block RAMs for `depth` words of `width` bits."""
    return min(ceil(width / bits) * ceil(depth / words) for bits, words in _ASPECTS)


def rom(width: int, depth: int) -> Resources:
    """A constant memory that gives one word of `width` bits a cycle.

    Exact on 469 of 496 published Dense layers at reuse above 1, Vivado's index table counted. The rest are one or two
    off and, all but one, deeper than 1,024 words, which Vivado HLS makes of blocks of several depths
    (wa-hls4ml-search@8e70542).
    """
    if width * depth < SMALLEST_BITS:
        return Resources(lut=ceil(depth / 64) * width)
    return Resources(bram18=block_rams(width, depth))


def shift_register(width: int, depth: int) -> Resources:
    """A line buffer: LUTs as shift registers, with the last stage in flip-flops.

    Published line-buffer convolutions and pools have no block RAM of their own (Keb-L/hls4ml-data@333aad62).
    """
    return Resources(lut=ceil(depth / LUT_BITS) * width, ff=width)
