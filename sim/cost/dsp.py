"""Which products a DSP block makes, and how many blocks one takes."""

from __future__ import annotations

from math import ceil

from weft.hls.precision import FixedType
from weft.sim.cost.family import Fabric
from weft.sim.cost.tool import NEWEST_TOOL, is_vitis

# Operands this narrow, signs included, multiply in LUTs: 16 x 4 bits have no DSP and 16 x 6 have (Vivado HLS 2020.1,
# wa-hls4ml-search@8e70542).
NARROW_FACTOR = 4

# Vitis HLS also keeps products of few bits in LUTs: 6 x 6 and unsigned 6 x 8 bits have no DSP (13 stacks of
# jdweitz/wa-hls4ml, 2023.2; HG-DREAM@274dba6e, 2023.1) and 8 x 8 have (17 stacks; hls4ml_MLP_estimator@72e2e22e,
# 2021.1). Vivado HLS does not: 6 x 6 bits take one each (32 of 32 and 5 of 5, hls4ml_PYNQ_prj@a881b6f6, 2020.1).
_NARROW_SUM = 15


def dsps_per_product(a: FixedType, b: FixedType, fabric: Fabric, tool: str = NEWEST_TOOL) -> int:
    """DSP blocks of one product, 0 where it stays in LUTs.

    A 32x32-bit product takes 4 DSP48E1 (published 30 for 8, AutoEncoder_hls4ml@dd6f3c2171, xc7z020).
    """
    narrow, wide = sorted((a.width + (not a.signed), b.width + (not b.signed)))
    if narrow <= NARROW_FACTOR or (is_vitis(tool) and narrow + wide <= _NARROW_SUM):
        return 0
    # Tiles share one sign, so every tile but the sign's carries one bit less than the DSP's signed operand.
    return ceil((wide - 1) / (fabric.dsp_wide - 1)) * ceil((narrow - 1) / (fabric.dsp_narrow - 1))
