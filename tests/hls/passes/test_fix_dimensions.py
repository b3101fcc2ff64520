"""Free dimensions of the inputs get a size, and what follows from them is known."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from weft.boards.errors import ModelError
from weft.hls.load import load
from weft.hls.passes.fix_dimensions import FixDimensionsPass, free_dimensions, size_advice

CONVOLUTION = (
    "(float[N,2,height,width] x) => (float[N,3,height,width] y) { c = Conv<pads=[1,1,1,1]>(x, w) y = Relu(c) }"
)


def network(build: object) -> ir.Model:
    weights = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    model = build(CONVOLUTION, w=weights)  # type: ignore[operator]
    assert isinstance(model, ir.Model)
    return model


def test_the_sizes_go_through_the_network(build: object) -> None:
    model = network(build)
    assert free_dimensions(model.graph) == ["N", "height", "width"]
    fixed = load(model, dimensions={"height": 5, "width": 7})
    (x,), (y,) = fixed.graph.inputs, fixed.graph.outputs
    assert [str(dim) for dim in x.shape or ()] == ["N", "2", "5", "7"]
    assert [str(dim) for dim in y.shape or ()] == ["N", "3", "5", "7"]
    assert all(
        value.shape is not None and list(value.shape)[1:] == [3, 5, 7] for n in fixed.graph for value in n.outputs
    )
    assert free_dimensions(fixed.graph) == ["N"]
    assert free_dimensions(model.graph) == ["N", "height", "width"]


def test_nothing_to_fix_changes_nothing(build: object) -> None:
    assert not FixDimensionsPass({})(network(build)).modified


def test_the_advice_is_about_what_is_free_beside_the_batch(build: object) -> None:
    model = network(build)
    assert (
        size_advice(model.graph) == "give height and width a size (dimensions={'height': 128}, --dimension height=128)"
    )
    assert size_advice(load(model, dimensions={"height": 5, "width": 7}).graph) == ""


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"depth": 3}, "no input has a free dimension 'depth': there is N, height, width"),
        ({"height": 0}, "dimension 'height' cannot have size 0"),
    ],
)
def test_what_cannot_be_fixed_is_said(build: object, sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(network(build), dimensions=sizes)
