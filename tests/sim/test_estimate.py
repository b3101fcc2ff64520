"""The cost model against published rows (each with its source), against its own rules, and against golden files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import counted

from weft.boards import board_names, load_board
from weft.boards.errors import InputError, WeftError
from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType
from weft.sim import LayerReport, Report, estimate
from weft.sim.cost.family import fabric_of
from weft.sim.cost.multiplier import dsps_per_product
from weft.sim.cost.storage import block_rams

GOLDEN = Path(__file__).parents[1] / "golden"
WIDE = FixedType(16, 6)


def weights(*shape: int, type: FixedType = WIDE, seed: int = 0) -> dict[str, Weight]:
    values = np.random.default_rng(seed).uniform(-0.25, 0.25, shape)
    raw = np.rint(np.clip(values * 2.0**type.fraction, type.minimum, type.maximum)).astype(np.int64)
    return {"weight": Weight(raw, type)}


def chain(io: Io, first: Tensor, *steps: tuple[Layer, Tensor], clock_ns: float = 5.0) -> Design:
    """Layers one after another; each is given with the tensor it writes, and reads the one before."""
    layers, before = [], first.name
    for layer, written in steps:
        layers.append(replace(layer, inputs=(before,), outputs=(written.name,)))
        before = written.name
    tensors = {tensor.name: tensor for tensor in (first, *(written for _, written in steps))}
    return Design("test", io, clock_ns, "part", tuple(layers), tensors, (first.name,), (before,))


def layer(name: str, kind: str, strategy: str = "latency", reuse: int = 1, **attributes: Value) -> Layer:
    return Layer(name, kind, (), (), attributes, {}, strategy, reuse)


def dense(name: str, n_in: int, n_out: int, strategy: str, reuse: int, type: FixedType = WIDE) -> tuple[Layer, Tensor]:
    step = layer(name, "Dense", strategy, reuse, n_in=n_in, n_out=n_out)
    return replace(step, weights=weights(n_in, n_out, type=type)), Tensor(f"{name}_out", (n_out,), type)


def mlp(sizes: tuple[int, ...], reuse: tuple[int, ...], strategy: str = "resource", type: FixedType = WIDE) -> Design:
    steps = [
        dense(f"dense{i}", n_in, n_out, strategy, factor, type)
        for i, (n_in, n_out, factor) in enumerate(zip(sizes, sizes[1:], reuse, strict=False))
    ]
    return chain("io_parallel", Tensor("x", (sizes[0],), type), *steps)


def convolution(
    name: str, size: tuple[int, int], kernel: int, n_chan: int, n_filt: int, strategy: str = "latency", reuse: int = 1
) -> tuple[Layer, Tensor]:
    height, width = size
    out = (height - kernel + 1, width - kernel + 1)
    step = layer(
        name, "Conv2D", strategy, reuse, in_height=height, in_width=width, out_height=out[0], out_width=out[1],
        filt_height=kernel, filt_width=kernel, n_chan=n_chan, n_filt=n_filt, n_partitions=out[0] * out[1],
    )  # fmt: skip
    return replace(step, weights=weights(kernel, kernel, n_chan, n_filt)), Tensor(f"{name}_out", (*out, n_filt), WIDE)


def row(report: Report, name: str) -> LayerReport:
    return next(one for one in report.layers if one.name == name)


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


# Conv2D in io_stream, Resource, Vivado HLS: input, filters, reuse, clock ns, tool, board, bits, published best, worst.
STREAMED = [
    ((28, 28, 1), 4, 36, 10.0, "vivado-2020.1", "pynq-z2", 16, 4704, 35280),
    ((28, 28, 1), 4, 36, 10.0, "vivado-2020.1", "alveo-u50", 16, 4704, 33712),
    ((6, 6, 4), 8, 72, 10.0, "vivado-2020.1", "pynq-z2", 16, 1224, 3924),
    ((18, 18, 8), 4, 72, 5.0, "vivado-2019.2", "pynq-z2", 32, 1296, 26892),
]


@pytest.mark.parametrize(("shape", "filters", "reuse", "clock_ns", "tool", "board", "bits", "best", "worst"), STREAMED)
def test_vivado_stream_convolutions_are_the_published_ones(
    shape: tuple[int, int, int], filters: int, reuse: int, clock_ns: float, tool: str, board: str, bits: int,
    best: int, worst: int,
) -> None:  # fmt: skip
    step, out = convolution("conv", shape[:2], 3, shape[2], filters, "resource", reuse)
    design = chain("io_stream", Tensor("x", shape, FixedType(bits, bits // 2)), (step, out), clock_ns=clock_ns)
    got = row(estimate(design, board, tool=tool), "conv")
    assert (got.latency_cycles.best, got.latency_cycles.worst) == (best, worst)
    assert (got.interval_cycles.best, got.interval_cycles.worst) == (best, worst)


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


def test_a_tool_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="tool 'quartus' is none"):
        estimate(mlp((8, 8), (1,)), "pynq-z2", tool="quartus")


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


def test_conv1d_network_parallel_is_the_published_one() -> None:
    # seanlipps/ECE226_CoDesign@bfc2fecf, Vitis HLS 2024.1, xcu250, 5 ns: conv 130..131 interval 128, relu 0, dense 1,
    # whole 183..184 interval 128 with a softmax of 4 and a global pool of 44.
    report = estimate(published_conv1d("io_parallel"), "alveo-u250")
    conv = row(report, "conv")
    assert (conv.latency_cycles.best, conv.latency_cycles.worst) == (130, 131)
    assert conv.interval_cycles.worst == 128
    assert row(report, "relu").latency_cycles.worst == 0
    assert row(report, "pool").latency_cycles.worst == pytest.approx(44, abs=3)
    assert row(report, "dense").latency_cycles.worst == 1
    assert row(report, "softmax").latency_cycles.best <= 4 <= row(report, "softmax").latency_cycles.worst
    ends = 128 * 9 + 6
    assert report.latency_cycles.best - ends == pytest.approx(183, abs=2)  # the pool is 2 high, the softmax 1 low
    assert report.latency_cycles.worst - ends >= 184


def test_conv1d_network_stream_is_the_published_one() -> None:
    # The same at @5d10485a in io_stream: padding 132, conv 393 interval 390, relu 129, pool 131, dense 2, softmax 8;
    # 24 block RAMs of FIFOs and 5 of softmax.
    report = estimate(published_conv1d("io_stream"), "alveo-u250")
    published = {"pad": 132, "conv": 393, "relu": 129, "pool": 131, "dense": 2, "softmax": 8}
    for name, cycles in published.items():
        got = row(report, name).latency_cycles
        assert got.best - 2 <= cycles <= got.worst, name
    assert row(report, "conv").interval_cycles.best == 390
    assert report.interval_cycles.worst >= 128 * 9  # one beat a value
    assert report.resources.bram18 == pytest.approx(29, abs=1)


def published_conv1d(io: Io) -> Design:
    stream = io == "io_stream"
    width = 130 if stream else 128  # in io_parallel hls4ml pads inside the convolution
    conv = layer("conv", "Conv1D", filt_width=3, n_chan=9, n_filt=16, in_width=width, out_width=128, n_partitions=128)
    output, _ = dense("dense", 16, 6, "latency", 1)
    steps = [
        (replace(conv, weights=weights(3, 9, 16)), Tensor("conv_out", (128, 16), WIDE, 128)),
        (layer("relu", "Activation", activation="relu"), Tensor("relu_out", (128, 16), WIDE, 128)),
        (layer("pool", "GlobalPooling1D", n_in=128, n_filt=16), Tensor("pool_out", (16,), WIDE)),
        (output, Tensor("dense_out", (6,), WIDE)),
        (layer("softmax", "Softmax", n_in=6, exp_table_t=FixedType(18, 8), inv_table_t=FixedType(18, 8)),
         Tensor("softmax_out", (6,), WIDE)),
    ]  # fmt: skip
    padding = (layer("pad", "ZeroPadding1D", pad_left=1, pad_right=1), Tensor("pad_out", (130, 9), WIDE, 130))
    return chain(io, Tensor("x", (128, 9), WIDE, 128), *([padding] if stream else []), *steps)


def test_block_rams_of_weights_are_the_published_ones() -> None:
    # hls4ml weights at RF > 1: 128 products of 16 bits, RF 8: 57 (Gabriele-bot/PYNQ_IA); 32 of 16 bits, RF 9: 15.
    assert block_rams(128 * 16, 8) == 57
    assert block_rams(32 * 16, 9) == 15


def test_wide_products_take_more_dsps() -> None:
    zynq, ultrascale = fabric_of("zynq7"), fabric_of("zynq_ultrascale_plus")
    assert dsps_per_product(FixedType(6, 1), FixedType(6, 1), zynq) == 0
    assert dsps_per_product(FixedType(8, 1), FixedType(8, 1), zynq) == 1
    assert dsps_per_product(FixedType(16, 6), FixedType(4, 1), zynq) == 0
    assert dsps_per_product(FixedType(27, 6), FixedType(18, 6), ultrascale) == 1
    assert dsps_per_product(FixedType(27, 6), FixedType(18, 6), zynq) == 2
    # AutoEncoder_hls4ml@dd6f3c2171: 30 DSP for 8 products of 32x32 bits on xc7z020.
    assert dsps_per_product(FixedType(32, 16), FixedType(32, 16), zynq) == 4


def valid_reuse(n_in: int, n_out: int) -> list[int]:
    """What hls4ml's get_valid_reuse_factors accepts for Dense."""
    every = [rf for rf in range(1, n_in * n_out + 1) if n_in * n_out % rf == 0]
    return [rf for rf in every if (rf >= n_in and rf % n_in == 0) or (rf < n_in and n_in % rf == 0)]


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


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 12), st.integers(3, 12), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.data())
def test_stream_convolution_bounds(
    height: int, width: int, kernel: int, n_chan: int, n_filt: int, data: st.DataObject
) -> None:
    reuse = data.draw(st.sampled_from(valid_reuse(kernel * kernel * n_chan, n_filt)))
    strategy = data.draw(st.sampled_from(["latency", "resource"]))
    step = convolution("conv", (height, width), kernel, n_chan, n_filt, strategy, reuse)
    report = estimate(chain("io_stream", Tensor("x", (height, width, n_chan), WIDE, 8), step), "pynq-z2")
    conv = row(report, "conv")
    assert conv.interval_cycles.best >= height * width  # a pixel a cycle at most
    rewinds = conv.interval_cycles.worst < conv.latency_cycles.worst  # its process does not end between samples
    between = conv.interval_cycles.worst + (0 if rewinds else 1)
    assert report.interval_cycles.worst == max(between, height * width * n_chan, step[1].size)
    assert report.latency_cycles.worst >= conv.latency_cycles.worst
    assert 0 <= report.latency_cycles.best <= report.latency_cycles.worst


def test_stream_stages_overlap() -> None:
    """Ten relus in a row cost ten fills, not ten samples."""
    pixels = 32 * 32
    names = [f"relu{i}" for i in range(10)]
    steps = [(layer(n, "Activation", activation="relu"), Tensor(f"{n}_out", (32, 32, 1), WIDE)) for n in names]
    design = chain("io_stream", Tensor("x", (32, 32, 1), WIDE), *steps)
    report = estimate(design, "pynq-z2")
    assert pixels < report.latency_cycles.worst < pixels + 100
    assert report.interval_cycles.worst == pixels  # each rewinds: relu 129 and 128 cycles, ECE226_CoDesign@5d10485a
    assert estimate(design, "pynq-z2", tool="vitis-2023.2").interval_cycles.worst > pixels


def test_a_stream_is_reshaped_by_name_only() -> None:
    """A Dense after a Reshape still reads the 16 elements of 4 channels that the FIFO carries."""
    output, out = dense("dense", 64, 10, "resource", 64)
    flat = (layer("flat", "Reshape"), Tensor("flat_out", (64,), WIDE))
    design = chain("io_stream", Tensor("x", (4, 4, 4), WIDE), flat, (output, out))
    report = estimate(design, "pynq-z2")
    # Vivado HLS 2020.1, 32-10 from 4 elements: 74 to 75 cycles at reuse 64 (shape of the stream, not of the tensor).
    assert row(report, "dense").latency_cycles.best == 16 + 64 + 6
    assert row(report, "flat").resources.lut == 0


def test_zero_weights_cost_nothing_under_latency() -> None:
    step, out = dense("dense", 16, 16, "latency", 1)
    pruned = step.weights["weight"].raw.copy()
    pruned[:, 4:] = 0
    sparse = replace(step, weights={"weight": Weight(pruned, WIDE)})
    first = Tensor("x", (16,), WIDE)
    full, thin = (estimate(chain("io_parallel", first, (one, out)), "zcu104") for one in (step, sparse))
    assert row(thin, "dense").resources.dsp < 0.4 * row(full, "dense").resources.dsp
    assert row(thin, "dense").resources.lut < 0.4 * row(full, "dense").resources.lut


def test_faster_clock_takes_more_cycles_and_more_power() -> None:
    design = mlp((32, 32), (1,), "latency")
    slow, fast = estimate(design, "pynq-z2", clock_ns=20), estimate(design, "pynq-z2", clock_ns=2.5)
    assert fast.clock_ns == 2.5
    assert fast.latency_cycles.worst > slow.latency_cycles.worst
    assert estimate(design, "pynq-z2").clock_ns == design.clock_ns
    assert slow.energy_uj > 0


def test_rows_name_the_streams_and_every_layer() -> None:
    report = estimate(published_conv1d("io_stream"), "kv260")
    assert [one.name for one in report.layers] == ["input", "pad", "conv", "relu", "pool", "dense", "softmax", "output"]
    assert {one.kind for one in report.layers if one.name in ("input", "output")} == {"stream"}
    total = [sum(one.resources.as_dict()[name] for one in report.layers) for name in report.resources.as_dict()]
    assert total == list(report.resources.as_dict().values())


def test_two_branches_wait_for_the_slower() -> None:
    """X -> slow -> add <- x: the sum is made when the slower of its inputs is there."""
    step, out = dense("slow", 8, 8, "resource", 64)
    first = Tensor("x", (8,), WIDE)
    added = Layer("add", "Merge", (out.name, "x"), ("y",), {"op": "add"})
    base = chain("io_parallel", first, (step, out))
    tensors = {**base.tensors, "y": Tensor("y", (8,), WIDE)}
    both = replace(base, layers=(*base.layers, added), tensors=tensors, outputs=("y",))
    assert estimate(both, "zcu104").latency_cycles.best > estimate(base, "zcu104").latency_cycles.best


@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
@pytest.mark.parametrize(
    ("kind", "attributes", "extra"),
    [
        ("Activation", {"activation": "sigmoid"}, {}),
        ("ParametrizedActivation", {"activation": "leaky_relu"}, {}),
        ("HardActivation", {"activation": "hard_sigmoid"}, {}),
        ("PReLU", {"activation": "prelu"}, {"param": (4, 6, 2)}),
        ("BatchNormalization", {"n_filt": 2}, {"scale": (2,), "bias": (2,)}),
        ("ApplyAlpha", {"n_filt": 2}, {"scale": (2,), "bias": (2,)}),
        ("Transpose", {}, {}),
        ("Repack", {}, {}),
        ("Clone", {}, {}),
        ("Reshape", {}, {}),
        ("Resize", {}, {}),
        ("Pooling2D", {"pool_height": 2, "pool_width": 2, "in_width": 6, "in_height": 4}, {}),
        ("GlobalPooling2D", {}, {}),
        ("DepthwiseConv2D", {"filt_height": 1, "filt_width": 1, "in_height": 4, "in_width": 6, "out_height": 4,
                             "out_width": 6, "n_chan": 2, "n_filt": 2}, {"weight": (1, 1, 2)}),
        ("SeparableConv2D", {"filt_height": 1, "filt_width": 1, "in_height": 4, "in_width": 6, "out_height": 4,
                             "out_width": 6, "n_chan": 2, "n_filt": 2}, {"depthwise": (1, 1, 2), "pointwise": (2, 2)}),
    ],
)  # fmt: skip
def test_every_kind_costs_something_sane(
    io: Io, kind: str, attributes: dict[str, Value], extra: dict[str, tuple[int, ...]]
) -> None:
    constants = {name: weights(*shape)["weight"] for name, shape in extra.items()}
    step = replace(layer("one", kind), attributes=attributes, weights=constants)
    report = estimate(chain(io, Tensor("x", (4, 6, 2), WIDE), (step, Tensor("y", (4, 6, 2), WIDE))), "pynq-z2")
    assert report.interval_cycles.best >= 48  # the values of one sample pass the AXI streams one by one
    assert report.latency_cycles.best >= 48
    assert report.energy_uj > 0
    moves = kind in ("Transpose", "Repack", "Clone", "Reshape", "Resize")
    assert (row(report, "one").resources.lut > 0) == (not (moves and (io == "io_parallel" or kind == "Reshape")))


@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("operation", ["add", "maximum", "multiply", "concatenate"])
def test_two_inputs(io: Io, operation: str) -> None:
    """Both inputs have a stream row; a product of two 16-bit values takes a DSP, a sum none, a concatenation no sum."""
    joined = operation == "concatenate"
    attributes: dict[str, Value] = {} if joined else {"op": operation}
    step = Layer("both", "Concatenate" if joined else "Merge", ("a", "b"), ("y",), attributes)
    shapes = {"a": (4, 2), "b": (4, 2), "y": (4, 4) if joined else (4, 2)}
    tensors = {name: Tensor(name, shape, WIDE) for name, shape in shapes.items()}
    report = estimate(Design("two", io, 5.0, "part", (step,), tensors, ("a", "b"), ("y",)), "zcu104")
    assert [one.name for one in report.layers] == ["input_0", "input_1", "both", "output"]
    assert report.interval_cycles.best >= tensors["y"].size
    values = 2 if io == "io_stream" else 8  # one element, or the whole sample, at once
    assert row(report, "both").resources.dsp == (values if operation == "multiply" else 0)


def test_a_merge_without_a_model_is_refused() -> None:
    step = Layer("dot", "Merge", ("a", "b"), ("y",), {"op": "dot1d"})
    tensors = {name: Tensor(name, (4,), WIDE) for name in ("a", "b", "y")}
    with pytest.raises(WeftError, match="dot: merge 'dot1d'"):
        estimate(Design("two", "io_parallel", 5.0, "part", (step,), tensors, ("a", "b"), ("y",)), "zcu104")


def test_what_has_no_model_is_refused_by_name() -> None:
    first, out = Tensor("x", (8,), WIDE), Tensor("y", (8,), WIDE)
    with pytest.raises(WeftError, match=r"one is a GarNet.*no cost model"):
        estimate(chain("io_parallel", first, (layer("one", "GarNet"), out)), "pynq-z2")
    with pytest.raises(WeftError, match=r"one: activation 'gelu'"):
        estimate(chain("io_parallel", first, (layer("one", "Activation", activation="gelu"), out)), "pynq-z2")
    with pytest.raises(WeftError, match=r"dense: strategy 'compressed' has no cost model: use latency"):
        estimate(chain("io_parallel", first, dense("dense", 8, 8, "compressed", 2)), "pynq-z2")
    with pytest.raises(InputError, match=r"one .Dense. has no integer 'n_in'"):
        estimate(chain("io_parallel", first, (layer("one", "Dense"), out)), "pynq-z2")
    for clock_ns in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="clock"):
            estimate(mlp((8, 8), (1,)), "pynq-z2", clock_ns=clock_ns)


def test_a_layer_out_of_order_is_refused() -> None:
    design = mlp((8, 8, 8), (4, 4))
    with pytest.raises(InputError, match="before it is made"):
        estimate(replace(design, layers=design.layers[::-1]), "pynq-z2")


def golden_design() -> Design:
    """A small fixed convolutional network whose weights any NumPy gives alike."""
    conv, conv_out = convolution("conv", (10, 10), 3, 1, 4, "resource", 9)
    output, _ = dense("dense", 64, 10, "resource", 64)

    def counted(*shape: int) -> dict[str, Weight]:
        return {"weight": Weight((np.arange(np.prod(shape)).reshape(shape) * 37 % 251 - 125).astype(np.int64), WIDE)}

    return chain(
        "io_stream",
        Tensor("x", (8, 8, 1), WIDE, 64),
        (layer("pad", "ZeroPadding2D"), Tensor("pad_out", (10, 10, 1), WIDE, 100)),
        (replace(conv, weights=counted(3, 3, 1, 4)), replace(conv_out, fifo_depth=64)),
        (layer("relu", "Activation", activation="relu"), Tensor("relu_out", (8, 8, 4), FixedType(8, 2, False), 64)),
        (layer("pool", "Pooling2D", pool_height=2, pool_width=2, in_width=8, in_height=8),
         Tensor("pool_out", (4, 4, 4), FixedType(8, 2, False), 16)),
        (replace(output, weights=counted(64, 10)), Tensor("dense_out", (10,), WIDE)),
        clock_ns=10.0,
    )  # fmt: skip


@pytest.mark.parametrize("name", board_names())
def test_golden(name: str) -> None:
    """One short file a board; after a change that is meant, run this file as a program and read the difference."""
    got = summary(estimate(golden_design(), name))
    assert got == json.loads((GOLDEN / f"estimate-{name}.json").read_text())


def summary(report: Report) -> dict[str, object]:
    whole = report.to_json()
    kept = ("board", "clock_ns", "latency_cycles", "interval_cycles", "resources", "fits")
    return {**{key: whole[key] for key in kept}, "energy_uj": round(report.energy_uj, 3)}


def test_accepts_a_board_and_a_name_alike() -> None:
    assert estimate(golden_design(), load_board("kv260")) == estimate(golden_design(), "kv260")


if __name__ == "__main__":
    for board in board_names():
        text = json.dumps(summary(estimate(golden_design(), board)), indent=2)
        (GOLDEN / f"estimate-{board}.json").write_text(text + "\n")
