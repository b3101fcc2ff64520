"""Designs that do not hang together are refused with one sentence that names what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_designs import dense_design

from weft.boards.errors import InputError
from weft.hls.consistency import check_design
from weft.hls.design import Design, Weight
from weft.hls.precision import FixedType
from weft.hls.reader import read_type

DESIGN = dense_design(4, 3)
DATA, DENSE, RELU = DESIGN.layers


def refused(design: Design, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_design(design)
    assert "\n" not in str(caught.value)


def test_a_whole_design_passes() -> None:
    check_design(DESIGN)


def test_a_cycle_names_its_layers() -> None:
    dense = replace(DENSE, inputs=("relu_2",))
    refused(replace(DESIGN, layers=(DATA, dense, RELU)), "cycle: dense_1 reads relu_2 reads dense_1: break it")


def test_a_layer_that_feeds_itself_is_a_cycle() -> None:
    relu = replace(RELU, inputs=("relu_2",))
    refused(replace(DESIGN, layers=(DATA, DENSE, relu)), "cycle: relu_2 reads relu_2")


def test_layers_out_of_order_are_no_cycle() -> None:
    refused(replace(DESIGN, layers=(DATA, RELU, DENSE)), "layer relu_2 reads dense_1, which no layer before it gives")


def test_a_tensor_that_is_missing_is_named() -> None:
    tensors = {name: tensor for name, tensor in DESIGN.tensors.items() if name != "dense_1"}
    refused(replace(DESIGN, tensors=tensors), "tensor dense_1 of net_small is missing")
    refused(replace(DESIGN, outputs=()), "tensor for the output")


@pytest.mark.parametrize(
    ("factor", "words"), [(0, "use 1 .* or more"), (-3, "reuse factor -3"), (13, "only 12 products")]
)
def test_a_reuse_factor_that_cannot_be_is_refused(factor: int, words: str) -> None:
    refused(replace(DESIGN, layers=(DATA, replace(DENSE, reuse_factor=factor), RELU)), words)


def test_the_largest_reuse_factor_is_all_products() -> None:
    check_design(replace(DESIGN, layers=(DATA, replace(DENSE, reuse_factor=12), RELU)))


def test_a_fifo_without_room_is_refused() -> None:
    tensors = {**DESIGN.tensors, "dense_1": replace(DESIGN.tensors["dense_1"], fifo_depth=0)}
    refused(replace(DESIGN, tensors=tensors), "tensor dense_1 has FIFO depth 0")


def test_a_long_cycle_is_shortened() -> None:
    chain = [replace(RELU, name=f"r{i}", inputs=(f"r{i - 1}",), outputs=(f"r{i}",)) for i in range(40)]
    chain[0] = replace(chain[0], inputs=("r39",))
    refused(
        replace(DESIGN, layers=(DATA, *chain)),
        "r0 reads r39 reads r38 reads r37 reads r36 reads ... reads r1 reads r0:",
    )


def test_a_depthwise_kernel_counts_its_channels_twice() -> None:
    kernel = Weight(np.zeros((3, 3, 4, 1), np.int64), FixedType(8, 2))  # hls4ml: n_in = 3 * 3 * 4, n_out = 4
    layer = replace(DENSE, kind="DepthwiseConv2D", weights={"weight": kernel}, reuse_factor=144)
    check_design(replace(DESIGN, layers=(DATA, layer, RELU)))
    refused(replace(DESIGN, layers=(DATA, replace(layer, reuse_factor=145), RELU)), "only 144 products")


def test_a_cycle_is_refused_by_run_as_well() -> None:
    cyclic = replace(DESIGN, layers=(DATA, replace(DENSE, inputs=("relu_2",)), RELU))
    with pytest.raises(InputError, match="has a cycle"):
        cyclic.run(np.zeros((1, 4)))


def test_a_precision_wider_than_exact_names_its_layer() -> None:
    types = pytest.importorskip("hls4ml.model.types")
    with pytest.raises(
        InputError, match=r"layer fc1, accum_t has type fixed<80,40.* exact up to 64 bits with the sign: narrow it"
    ):
        read_type(types.FixedPrecisionType(80, 40), "layer fc1, accum_t")
