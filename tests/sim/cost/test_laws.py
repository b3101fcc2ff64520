"""Fitted laws: sums of sizes."""

from __future__ import annotations

import numpy as np
import pytest
from held_out import Sample, fitted

from weft.sim.cost.laws import LAWS, fabric


@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_a_sum_of_sizes(name: str) -> None:
    law = LAWS[name]
    assert len(law.lut) == len(law.ff)
    assert min(*law.lut, *law.ff) >= 0
    sizes = [1.0, *range(1000, 1000 * len(law.lut), 1000)]
    once, twice = fabric(name, sizes), fabric(name, [2 * size for size in sizes])
    assert twice.lut == pytest.approx(2 * once.lut, abs=1)
    assert twice.ff == pytest.approx(2 * once.ff, abs=1)


def test_a_refit_finds_the_coefficients_that_made_the_rows() -> None:
    random = np.random.default_rng(0)
    wanted = np.array([100.0, 0.0, 3.5])
    rows = random.integers(1, 1000, (12, 3)).astype(np.float64)
    samples = [Sample("design", row, 50.0, float(row @ wanted) + 50.0) for row in rows]
    samples.append(Sample("outlier", rows[0], 0.0, 1e6))
    np.testing.assert_allclose(fitted(samples), wanted, atol=1e-3, rtol=1e-4)


def test_a_line_buffer_convolution_takes_the_published_registers() -> None:
    # Keb-L/hls4ml-data@333aad62, line buffer, 2019.2: 576 values of 16 bits, 128 outputs, 512 multipliers: 25,835 FF;
    # AutoEncoder_hls4ml@dd6f3c2171: 36 values of 32 bits, 8 outputs and multipliers: 5,022 FF.
    assert fabric("line buffer, 2019, UltraScale+", (1, 576 * 16, 128 * 16, 512 * 16)).ff == pytest.approx(
        25835, rel=0.01
    )
    assert fabric("line buffer, 2019, zynq7", (1, 36 * 32, 8 * 32, 8 * 64)).ff == pytest.approx(5022, rel=0.01)
