"""BatchNormalization over a stream and LayerNormalization against published rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cost_designs import WORD, cost_of, plain, single, stream, weight

from weft.hls.design import Tensor, Weight


def test_layer_normalization_is_the_published_one() -> None:
    # transformer-synthesis@ce1ea09a (the kernel of hls4ml 1.3), Vitis HLS 2023.2, xcvu13p, 5 ns, 10 rows of 8: 8 cycles
    # at interval 1, 240 DSP, 20 block RAMs, 34,502 LUT, 12,229 FF.
    scale = Weight(np.full(8, 1005), WORD)
    layer = replace(plain("LayerNormalization", table_size=4096), weights={"scale": scale})
    cost = cost_of(
        single(layer, "io_parallel", Tensor("x", (10, 8), WORD), Tensor("y", (10, 8), WORD)), "xcu250", "vitis-2023.2"
    )
    assert (cost.worst.latency, cost.worst.interval) == (8, 1)
    assert (cost.resources.dsp, cost.resources.bram18) == (240, 20)
    assert cost.resources.lut == pytest.approx(34502, rel=0.03)
    assert cost.resources.ff == pytest.approx(12229, rel=0.03)


def test_a_scale_of_one_takes_no_product_and_a_fifth_takes_two() -> None:
    # transformer-synthesis@5023886b and 55b7ae38: 12 DSP a row of 5 with scales of 1, 17 with others.
    for raw, dsp in ((1 << WORD.fraction, 12), (1005, 17)):
        layer = replace(plain("LayerNormalization"), weights={"scale": Weight(np.full(5, raw), WORD)})
        design = single(layer, "io_parallel", Tensor("x", (1, 5), WORD), Tensor("y", (1, 5), WORD))
        assert cost_of(design, "xcu250", "vitis-2023.2").resources.dsp == dsp


def test_a_slow_scale_runs_at_its_own_latency() -> None:
    # DNNonSilicon@a44b786d, xc7z020, 2.5 ns, 225 elements of 32 at reuse 16: 1,352 cycles.
    constants = {"scale": weight(32), "bias": weight(32)}
    layer = replace(plain("BatchNormalization", n_filt=32), weights=constants, reuse_factor=16)
    design = single(layer, "io_stream", stream("x", 15, 15, 32), stream("y", 15, 15, 32), clock_ns=2.5)
    assert cost_of(design, "xc7z020", "vivado-2020.1").worst.latency == pytest.approx(1352, rel=0.1)
