"""Estimates of whole designs: published networks, what overlaps and what waits, refusals, and golden files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chained_designs import WIDE, chain, convolution, dense, layer, mlp, row, weights

from weft.boards import board_names, load_board
from weft.boards.errors import InputError, WeftError
from weft.hls.design import Design, Io, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType
from weft.sim import Report, estimate

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_tool_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="tool 'quartus' is none"):
        estimate(mlp((8, 8), (1,)), "pynq-z2", tool="quartus")


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
