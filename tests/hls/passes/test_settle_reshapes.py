from typing import Any

import numpy as np
import pytest

from weft.hls.passes.settle_reshapes import SettleReshapesPass

BATCH = "s = Shape(x) n = Gather(s, zero) u = Unsqueeze(n, axis) t = Concat<axis=0>(u, rest)"
SLICED = "s = Shape(x) u = Slice(s, axis, one) t = Concat<axis=0>(u, rest)"


@pytest.mark.parametrize("arithmetic", [BATCH, SLICED])
@pytest.mark.parametrize(("rest", "target"), [([-1], [0, 6]), ([6], [0, 6]), ([3, -1], [0, 3, 2]), ([3, 2], [0, 3, 2])])
def test_a_computed_batch_size_becomes_zero(
    build: Any, keeps_values: Any, arithmetic: str, rest: list[int], target: list[int]
) -> None:
    dims = ",".join("NKM"[: len(target)])
    text = f"(float[N,2,3] x) => (float[{dims}] y) {{ {arithmetic} y = Reshape(x, t) }}"
    model = build(text, zero=np.array(0), one=np.array([1]), axis=np.array([0]), rest=np.array(rest))
    result = keeps_values(model, SettleReshapesPass())
    assert result.graph.node(-1).inputs[1].const_value.numpy().tolist() == target
    assert list(result.graph.outputs[0].shape)[1:] == target[1:]


@pytest.mark.parametrize(("target", "settled"), [([-1, 6], [0, 6]), ([-1, 3], [-1, 3]), ([0, -1], [0, 6])])
def test_constant_targets(build: Any, keeps_values: Any, target: list[int], settled: list[int]) -> None:
    model = build("(float[N,2,3] x) => (float[K,M] y) { y = Reshape(x, t) }", t=np.array(target))
    result = keeps_values(model, SettleReshapesPass())
    assert result.graph.node(0).inputs[1].const_value.numpy().tolist() == settled


def test_a_target_that_is_an_input_stays(build: Any) -> None:
    model = build("(float[N,2,3] x, int64[2] t) => (float[K,M] y) { y = Reshape(x, t) }")
    assert not SettleReshapesPass()(model).modified


def test_concatenation_of_itself_does_not_grow_without_end(build: Any) -> None:
    lines = " ".join(f"c{i + 1} = Concat<axis=0>(c{i}, c{i})" for i in range(40))
    model = build(f"(float[N,2,3] x) => (float[K,M] y) {{ c0 = Shape(x) {lines} y = Reshape(x, c40) }}")
    assert not SettleReshapesPass()(model).modified
