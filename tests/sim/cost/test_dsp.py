"""DSP blocks by the widths of a product's operands."""

from __future__ import annotations

from weft.hls.precision import FixedType
from weft.sim.cost.dsp import dsps_per_product
from weft.sim.cost.family import fabric_of


def test_wide_products_take_more_dsps() -> None:
    zynq, ultrascale = fabric_of("zynq7"), fabric_of("zynq_ultrascale_plus")
    assert dsps_per_product(FixedType(6, 1), FixedType(6, 1), zynq) == 0
    assert dsps_per_product(FixedType(8, 1), FixedType(8, 1), zynq) == 1
    assert dsps_per_product(FixedType(16, 6), FixedType(4, 1), zynq) == 0
    assert dsps_per_product(FixedType(27, 6), FixedType(18, 6), ultrascale) == 1
    assert dsps_per_product(FixedType(27, 6), FixedType(18, 6), zynq) == 2
    # AutoEncoder_hls4ml@dd6f3c2171: 30 DSP for 8 products of 32x32 bits on xc7z020.
    assert dsps_per_product(FixedType(32, 16), FixedType(32, 16), zynq) == 4
