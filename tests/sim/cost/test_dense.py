"""Dense layers against published reports, and against their own rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chained_designs import WIDE, chain, dense, mlp, row, valid_reuse, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import counted

from weft.hls.design import Tensor, Weight
from weft.hls.precision import FixedType
from weft.sim import estimate

# wa-hls4ml (jdweitz), Dense stacks, Resource, io_parallel, Vitis HLS 2023.2, xcu250, 5 ns: layers, the reuse factors
# that hls4ml made of those asked for, published latency best and worst, DSP.
STACKS = [
    ((112, 96, 64), (2688, 3072), 16, 5763, 5765, 6),  # asked: 3070
    ((112, 8, 104), (896, 832), 16, 1731, 1733, 2),  # asked: 1024
    ((64, 48, 128), (3072, 3072), 8, 6147, 6149, 3),  # asked: 3070
    ((32, 24, 72, 56), (768, 1728, 2016), 16, 4517, 4520, 4),  # asked: 2047
]


@pytest.mark.parametrize(("sizes", "reuse", "bits", "best", "worst", "dsp"), STACKS)
def test_resource_stacks_are_the_published_ones(
    sizes: tuple[int, ...], reuse: tuple[int, ...], bits: int, best: int, worst: int, dsp: int
) -> None:
    report = estimate(mlp(sizes, reuse, type=FixedType(bits, 4)), "alveo-u250")
    ends = sizes[0] + sizes[-1]  # weft's own AXI streams, which the published designs do not have
    assert report.latency_cycles.best - ends == best
    assert report.latency_cycles.worst - ends == worst
    assert (report.interval_cycles.best, report.interval_cycles.worst) == (best, worst)
    assert report.resources.dsp == dsp


# Dense, Resource, Vivado HLS 2020.1, xcu250, 5 ns, 16-bit data (wa-hls4ml-search@8e70542): shape, weight bits, reuse
# factor, published latency best and worst, interval, DSP, LUT, FF, BRAM.
SINGLES = [
    ((256, 256), 14, 1024, 1025, 1026, 1024, 64, 107679, 5227, 51),
    ((160, 128), 12, 640, 641, 642, 640, 32, 35158, 2668, 23),
    ((64, 192), 8, 512, 513, 514, 512, 24, 44567, 3563, 7),
    ((192, 128), 2, 384, 384, 385, 384, 0, 16851, 2152, 4),
]


@pytest.mark.parametrize(("sizes", "bits", "reuse", "best", "worst", "interval", "dsp", "lut", "ff", "bram"), SINGLES)
def test_vivado_resource_layers_are_the_published_ones(
    sizes: tuple[int, int], bits: int, reuse: int, best: int, worst: int, interval: int, dsp: int, lut: int, ff: int,
    bram: int,
) -> None:  # fmt: skip
    step, out = dense("dense", *sizes, "resource", reuse)
    step = replace(step, weights=weights(*sizes, type=FixedType(bits, 1)))
    design = chain("io_parallel", Tensor("x", (sizes[0],), WIDE), (step, out))
    report = estimate(design, "alveo-u250", tool="vivado-2020.1", ends=False)
    assert [one.name for one in report.layers] == ["dense"]
    assert (report.latency_cycles.best, report.latency_cycles.worst) == (best, worst)
    assert (report.interval_cycles.best, report.interval_cycles.worst) == (interval, interval)
    assert (report.resources.dsp, report.resources.bram18) == (dsp, bram)
    assert report.resources.lut == pytest.approx(lut, rel=0.05)
    assert report.resources.ff == pytest.approx(ff, rel=0.03)
    # Vitis' loop does not rewind.
    assert estimate(design, "alveo-u250", ends=False).interval_cycles.worst == reuse + 2


# Dense 32-32, Latency, ap_fixed<16,6> data, Vivado HLS 2020.1, xcu250, 5 ns (wa-hls4ml-search@8e70542): bits, zeros,
# powers of two, signed digits, products that are multiplied (turns times multipliers), published DSP and LUT at reuse
# 1, latency at reuse 512. The weights themselves are not published; ours have these counts.
COUNTED = [
    (8, 11, 163, 2195, 287, 263, 34010, 145),
    (10, 4, 38, 2940, 683, 680, 29868, 343),
    (12, 0, 21, 3609, 878, 878, 26871, 440),
    (14, 0, 8, 4251, 965, 964, 24971, 484),
]


@pytest.mark.parametrize(("bits", "zeros", "powers", "digits", "multiplied", "dsp", "lut", "cycles"), COUNTED)
def test_latency_dense_is_near_the_published_one(
    bits: int, zeros: int, powers: int, digits: int, multiplied: int, dsp: int, lut: int, cycles: int
) -> None:
    kind = FixedType(bits, 1)
    raw = counted(np.random.default_rng(0), kind, (32, 32), zeros, powers, digits, multiplied)
    reports = {}
    for factor in (1, 512):
        step, out = dense("dense", 32, 32, "latency", factor)
        step = replace(step, weights={"weight": Weight(raw, kind)})
        design = chain("io_parallel", Tensor("x", (32,), WIDE), (step, out))
        reports[factor] = row(estimate(design, "alveo-u250", tool="vivado-2020.1"), "dense")
    assert (reports[1].latency_cycles.worst, reports[1].interval_cycles.worst) == (1, 1)
    assert reports[1].resources.dsp == pytest.approx(dsp, rel=0.03)
    assert reports[1].resources.lut == pytest.approx(lut, rel=0.1)
    assert reports[512].latency_cycles.worst == cycles
    assert (reports[512].interval_cycles.worst, reports[512].resources.dsp) == (cycles + 1, 2)


def test_a_large_latency_dense_sums_in_chains() -> None:
    # 196-56 with 5,876 weights that are not zero: 48 cycles, one sample a cycle; 64-64: 5
    # (hls4ml_MLP_estimator@72e2e22e, Vitis HLS 2021.1, xc7z007s, 5 ns).
    cycles = []
    for sizes, kept in (((196, 56), 0.535), ((64, 64), 0.48)):
        step, out = dense("dense", *sizes, "latency", 1, FixedType(8, 2))
        drawn = np.random.default_rng(1).permuted(np.arange(sizes[0] * sizes[1])).reshape(sizes)
        raw = np.where(drawn < kept * drawn.size, 5, 0).astype(np.int64)
        step = replace(step, weights={"weight": Weight(raw, FixedType(8, 2))})
        got = row(
            estimate(chain("io_parallel", Tensor("x", (sizes[0],), FixedType(8, 1)), (step, out)), "pynq-z2"), "dense"
        )
        assert got.interval_cycles.worst == 1
        cycles.append(got.latency_cycles.worst)
    assert cycles[0] == pytest.approx(48, rel=0.2)
    assert cycles[1] == pytest.approx(5, abs=2)


def test_zero_weights_cost_nothing_under_latency() -> None:
    step, out = dense("dense", 16, 16, "latency", 1)
    pruned = step.weights["weight"].raw.copy()
    pruned[:, 4:] = 0
    sparse = replace(step, weights={"weight": Weight(pruned, WIDE)})
    first = Tensor("x", (16,), WIDE)
    full, thin = (estimate(chain("io_parallel", first, (one, out)), "zcu104") for one in (step, sparse))
    assert row(thin, "dense").resources.dsp < 0.4 * row(full, "dense").resources.dsp
    assert row(thin, "dense").resources.lut < 0.4 * row(full, "dense").resources.lut


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_more_reuse_takes_fewer_dsps_and_no_less_time(data: st.DataObject) -> None:
    sizes = (data.draw(st.integers(2, 48)), data.draw(st.integers(1, 48)))
    strategy = data.draw(st.sampled_from(["latency", "resource"]))
    factors = st.sampled_from([rf for rf in valid_reuse(*sizes) if rf > 1])
    low, high = sorted((data.draw(factors), data.draw(factors)))
    bits = data.draw(st.sampled_from([6, 8, 12, 16, 24]))
    few, many = (estimate(mlp(sizes, (rf,), strategy, FixedType(bits, 4)), "zcu104") for rf in (low, high))
    assert row(few, "dense0").resources.dsp >= row(many, "dense0").resources.dsp
    assert few.interval_cycles.worst <= many.interval_cycles.worst
    assert few.latency_cycles.worst <= many.latency_cycles.worst
    assert few.interval_cycles.best >= max(sizes)
