"""Layers in floats give the integers that their meanings in int64 give, whatever the types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_designs import dense_design

from weft.hls.design import Design, Layer, Tensor, Value, Weight
from weft.hls.execution import schedule_of
from weft.hls.fast.schedule import compile_schedule
from weft.hls.precision import FixedType

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
IMAGE: tuple[int, ...] = (5, 6, 3)
PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")


@st.composite
def types(
    draw: st.DrawFn, widest: int = 18, overflows: tuple[str, ...] = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
) -> Any:
    width = draw(st.integers(1, widest))
    modes: Any = draw(st.sampled_from(ROUNDINGS)), draw(st.sampled_from(overflows))
    return FixedType(width, draw(st.integers(-2, width + 2)), draw(st.booleans()), *modes)


ACCUMULATORS = types(48, ("WRAP",))


class Draw:
    """What a layer needs, drawn."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.random = np.random.default_rng(data.draw(st.integers(0, 2**20)))

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def raw(self, kind: FixedType, *shape: int) -> Any:
        """Any value, the smallest and the largest often."""
        values = self.random.integers(kind.minimum, kind.maximum, shape, np.int64, endpoint=True)
        ends = self.random.choice([kind.minimum, kind.maximum], shape)
        return np.where(self.random.random(shape) < 0.3, ends, values)

    def weight(self, *shape: int) -> Weight:
        kind = self.data.draw(types(10))
        return Weight(self.raw(kind, *shape), kind)

    def design(self, kind: str, shape: tuple[int, ...], out: tuple[int, ...], n: int = 1, **rest: Any) -> Design:
        """One layer of `kind` on `n` inputs."""
        names = tuple(f"x{index}" for index in range(n))
        tensors = {name: Tensor(name, shape, self.data.draw(types())) for name in names}
        tensors["y"] = Tensor("y", out, self.data.draw(types()))
        attributes: dict[str, Value] = rest.pop("attributes", {})
        layer = Layer("layer", kind, names, ("y",), attributes, rest.pop("weights", {}))
        return Design("net", rest.get("io", "io_parallel"), 5.0, "part", (layer,), tensors, names, ("y",))

    def overflow(self) -> Any:
        return self.data.draw(st.sampled_from(["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]))

    def accumulator(self) -> FixedType:
        kind: FixedType = self.data.draw(ACCUMULATORS)
        return kind

    def window(self, kernel: tuple[int, int], *, apart: bool = False) -> tuple[dict[str, Value], tuple[int, int]]:
        """Any window, or, if `apart`, unpadded ones side by side."""
        pad = {name: self.integer(0, 0 if apart else 1) for name in PADS}
        stride = kernel if apart else (self.integer(1, 2), self.integer(1, 2))
        height = (IMAGE[0] + pad["pad_top"] + pad["pad_bottom"] - kernel[0]) // stride[0] + 1
        width = (IMAGE[1] + pad["pad_left"] + pad["pad_right"] - kernel[1]) // stride[1] + 1
        strides = {"stride_height": stride[0], "stride_width": stride[1]}
        return {**pad, **strides, "out_height": height, "out_width": width}, (height, width)


def dense(draw: Draw) -> Design:
    weights = {"weight": draw.weight(7, 4), "bias": draw.weight(4)}
    return draw.design("Dense", (7,), (4,), attributes={"accum_t": draw.accumulator()}, weights=weights)


def convolution(draw: Draw) -> Design:
    kernel = draw.integer(1, 3), draw.integer(1, 3)
    attributes, extents = draw.window(kernel)
    weights = {"weight": draw.weight(*kernel, 3, 4), "bias": draw.weight(4)}
    attributes["accum_t"] = draw.accumulator()
    return draw.design("Conv2D", IMAGE, (*extents, 4), attributes=attributes, weights=weights)


def depthwise(draw: Draw) -> Design:
    attributes, extents = draw.window((2, 3))
    weights = {"weight": draw.weight(2, 3, 3, 1), "bias": draw.weight(3)}
    attributes["accum_t"] = draw.accumulator()
    return draw.design("DepthwiseConv2D", IMAGE, (*extents, 3), attributes=attributes, weights=weights)


def pooling(draw: Draw) -> Design:
    io = draw.data.draw(st.sampled_from(["io_parallel", "io_stream"]))
    attributes, extents = draw.window((2, 2), apart=io == "io_stream")
    attributes |= {"pool_height": 2, "pool_width": 2, "accum_t": draw.data.draw(types(48)), "io": io}
    attributes |= {"pool_op": draw.data.draw(st.sampled_from(["Max", "Average"])), "count_pad": draw.integer(0, 1)}
    return draw.design("Pooling2D", IMAGE, (*extents, 3), attributes=attributes, io=io)


def global_pooling(draw: Draw) -> Design:
    operation = draw.data.draw(st.sampled_from(["Max", "Average"]))
    io = draw.data.draw(st.sampled_from(["io_parallel", "io_stream"]))
    attributes = {"pool_op": operation, "accum_t": draw.data.draw(types(48)), "io": io}
    return draw.design("GlobalPooling2D", IMAGE, (3,), attributes=attributes, io=io)


def activation(draw: Draw) -> Design:
    name = draw.data.draw(st.sampled_from(["relu", "linear", "sigmoid", "tanh"]))
    attributes = {"activation": name, "table_size": 64, "table_t": draw.data.draw(types())}
    return draw.design("Activation", IMAGE, IMAGE, attributes=attributes)


def leaky_relu(draw: Draw) -> Design:
    attributes = {"activation": "leaky_relu", "activ_param": 0.3, "param_t": FixedType(8, 1)}
    return draw.design("ParametrizedActivation", (9,), (9,), attributes=attributes)


def batch_normalization(draw: Draw) -> Design:
    shape = draw.data.draw(st.sampled_from([(3,), IMAGE]))
    weights = {"scale": draw.weight(*shape), "bias": draw.weight(*shape)}
    return draw.design("BatchNormalization", IMAGE, IMAGE, weights=weights)


def merge(draw: Draw) -> Design:
    operations = ["add", "subtract", "multiply", "average", "maximum", "minimum"]
    return draw.design("Merge", IMAGE, IMAGE, 2, attributes={"op": draw.data.draw(st.sampled_from(operations))})


def concatenate(draw: Draw) -> Design:
    axis = draw.data.draw(st.sampled_from([1, 2, 3, -1]))
    out = list(IMAGE)
    out[axis - 1 if axis > 0 else axis] *= 2
    return draw.design("Concatenate", IMAGE, tuple(out), 2, attributes={"axis": axis})


def moved(draw: Draw) -> Design:
    choices: list[tuple[str, tuple[int, ...], dict[str, Value]]] = [
        ("Reshape", (15, 6), {}),
        ("Transpose", (6, 3, 5), {"perm": (1, 2, 0)}),
        ("ZeroPadding2D", (7, 9, 3), dict(zip(PADS, (0, 2, 1, 2), strict=True))),
        ("Resize", (10, 18, 3), {"algorithm": "nearest"}),
    ]
    kind, out, attributes = draw.data.draw(st.sampled_from(choices))
    return draw.design(kind, IMAGE, out, attributes=attributes)


def softmax(draw: Draw) -> Design:
    kinds = {f"{name}_t": draw.data.draw(types(18)) for name in ("exp_table", "inv_table", "accum")}
    arguments = {
        name: FixedType(draw.integer(5, 18), draw.integer(1, 5), False) for name in ("inp_norm_t", "inv_inp_t")
    }
    name = draw.data.draw(st.sampled_from(["stable", "latency", "argmax"]))
    sizes = {"exp_table_size": 32, "inv_table_size": 32}
    attributes = {**kinds, **arguments, **sizes, "implementation": name, "n_outer": 2, "n_inner": 3}
    return draw.design("Softmax", (30,), (30,), attributes=attributes)


def layer_normalization(draw: Draw) -> Design:
    accumulator = FixedType(draw.integer(8, 20), draw.integer(2, 6), True, "RND_CONV", draw.overflow())
    attributes: dict[str, Value] = {"accum_t": accumulator, "table_t": draw.data.draw(types(18)), "table_size": 64}
    attributes |= {"table_range_power2": draw.integer(0, 2), "epsilon_power_of_10": 3}
    weights = {"scale": draw.weight(5), "bias": draw.weight(5)}
    return draw.design("LayerNormalization", (3, 5), (3, 5), attributes=attributes, weights=weights)


def einsum(draw: Draw) -> Design:
    """bhqd, bhkd -> hqk of two heads, the second operand's axes in another order."""
    attributes: dict[str, Value] = {"accum_t": draw.accumulator(), "n_inplace": 2, "n_contract": 4}
    attributes |= {"inp0_shape": (3, 2, 4), "inp0_tpose_idxs": (1, 0, 2), "out_tpose_idxs": (0, 1, 2)}
    attributes |= {"inp1_shape": (3, 2, 4), "inp1_tpose_idxs": (1, 0, 2), "out_interpert_shape": (2, 3, 3)}
    return draw.design("Einsum", (3, 2, 4), (2, 3, 3), 2, attributes=attributes)


def einsum_dense(draw: Draw) -> Design:
    attributes: dict[str, Value] = {"accum_t": draw.accumulator(), "n_inplace": 2, "n_contract": 4}
    attributes |= {"n_free_data": 3, "n_free_kernel": 5, "inp_shape": (3, 2, 4), "inp_tpose_idxs": (1, 0, 2)}
    attributes |= {"out_interpert_shape": (2, 3, 5), "out_tpose_idxs": (1, 0, 2)}
    weights = {"weight": draw.weight(2, 4, 5), "bias": draw.weight(2, 3, 5)}
    return draw.design("EinsumDense", (3, 2, 4), (3, 2, 5), attributes=attributes, weights=weights)


BUILDERS = [
    *(dense, convolution, depthwise, pooling, global_pooling, activation, leaky_relu, batch_normalization),
    *(merge, concatenate, moved, softmax, layer_normalization, einsum, einsum_dense),
]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_floats_give_the_integers_of_the_meaning(build: Any, data: st.DataObject) -> None:
    draw = Draw(data)
    design = build(draw)
    inputs = [draw.raw(tensor.type, 4, *tensor.shape) for tensor in map(design.tensors.get, design.inputs) if tensor]
    try:
        expected = compile_schedule(design, fast=False).run(inputs)
    except NotImplementedError:
        assume(False)
    for got, wanted in zip(compile_schedule(design).run(inputs), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@given(types(32), st.integers(0, 2**20))
def test_floats_enter_as_they_are_quantised(kind: FixedType, seed: int) -> None:
    design = replace(dense_design(), outputs=("input_0",), layers=dense_design().layers[:1])
    design = replace(design, tensors={"input_0": replace(design.tensors["input_0"], type=kind)})
    random = np.random.default_rng(seed)
    values = random.normal(size=(20, 4)) * 2.0 ** random.integers(-40, 40, (20, 4))
    values[:4] = kind.to_float(random.integers(kind.minimum, kind.maximum, (4, 4))) + 2.0 ** -(kind.fraction + 1)
    for array in (values, values.astype(np.float32)):
        np.testing.assert_array_equal(design.run(array), kind.quantise(array))


def test_a_schedule_in_floats_is_kept_and_says_what_is_not() -> None:
    design = dense_design()
    assert schedule_of(design) is schedule_of(design)
    assert schedule_of(design).in_int64 == ()
    odd = replace(design.layers[1], attributes={"accum_t": FixedType(12, 8, rounding="RND_INF")})
    assert schedule_of(replace(design, layers=(design.layers[0], odd, design.layers[2]))).in_int64 == ("dense_1",)


def test_parts_of_a_batch_join_to_the_whole() -> None:
    design = dense_design()
    raw = np.random.default_rng(0).integers(-128, 128, (schedule_of(design).part * 2 + 3, 4))
    whole = np.asarray(design.run(raw))
    np.testing.assert_array_equal(whole, compile_schedule(design, fast=False).run([raw])[0])
    np.testing.assert_array_equal(whole[-5:], design.run(raw[-5:]))
