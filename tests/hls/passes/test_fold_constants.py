from typing import Any

import numpy as np
import pytest

from weft.hls.passes.fold_constants import FoldConstantsPass


def test_a_chain_becomes_one_initialiser(build: Any, keeps_values: Any, operators: Any, random: Any) -> None:
    text = "(float[N,4] x) => (float[N,3] y) { a = Transpose(w) b = Mul(a, two) y = MatMul(x, b) }"
    model = build(text, w=random(3, 4), two=np.array(2, np.float32))
    assert operators(keeps_values(model, FoldConstantsPass())) == ["MatMul"]


def test_dequantised_weights_stay_quantised(build: Any, keeps_values: Any, operators: Any) -> None:
    text = "(float[N,4] x) => (float[N,3] y) { w = DequantizeLinear(i, s) y = MatMul(x, w) }"
    model = build(text, i=np.ones((4, 3), np.int8), s=np.array(0.5, np.float32))
    assert operators(keeps_values(model, FoldConstantsPass())) == ["DequantizeLinear", "MatMul"]


def test_chance_stays_chance(build: Any, operators: Any, random: Any) -> None:
    model = build("(float[N,4] x) => (float[N,4] y) { r = RandomNormalLike(w) y = Add(x, r) }", w=random(4))
    assert operators(FoldConstantsPass()(model).model) == ["RandomNormalLike", "Add"]


@pytest.mark.parametrize("size", [2**40, 2**62, -1])
def test_a_result_that_would_not_fit_into_memory_is_not_computed(build: Any, operators: Any, size: int) -> None:
    text = "(float[1] x) => (float[M] y) { huge = ConstantOfShape(shape) y = Add(x, huge) }"
    model = build(text, shape=np.array([size], np.int64))
    assert operators(FoldConstantsPass()(model).model) == ["ConstantOfShape", "Add"]


def test_many_results_that_are_large_together_are_not_all_computed(build: Any, operators: Any) -> None:
    lines = [f"c{i} = ConstantOfShape(shape) s{i + 1} = Add(s{i}, c{i})" for i in range(8)]
    text = f"(float[1] s0) => (float[M] y) {{ {' '.join(lines)} y = Identity(s8) }}"
    result = FoldConstantsPass()(build(text, shape=np.array([2**24], np.int64))).model
    assert operators(result).count("ConstantOfShape") == 4  # 64 MiB each, 256 MiB in all


def test_a_node_that_fails_stays(build: Any, operators: Any, random: Any) -> None:
    model = build(
        "(float[N,4] x) => (float[N,4] y) { a = Reshape(w, shape) y = Add(x, a) }",
        w=random(4),
        shape=np.array([3], np.int64),
    )
    assert operators(FoldConstantsPass()(model).model) == ["Reshape", "Add"]
