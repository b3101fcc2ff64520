from typing import Any

import numpy as np
import pytest

from weft.hls.passes.fold_batch_norm import FoldBatchNormPass

NORM = "BatchNormalization<epsilon=0.001>"


def _statistics(random: Any, channels: int) -> dict[str, Any]:
    return {
        "gamma": random(channels),
        "beta": random(channels),
        "mean": random(channels),
        "variance": np.abs(random(channels)) + 0.1,
    }


@pytest.mark.parametrize("bias", [False, True])
def test_after_a_convolution(build: Any, keeps_values: Any, operators: Any, random: Any, bias: bool) -> None:
    text = f"""(float[N,2,5,5] x) => (float[N,4,3,3] y) {{
        c = Conv(x, w{", b" if bias else ""})
        y = {NORM}(c, gamma, beta, mean, variance)
    }}"""
    weights = {"w": random(4, 2, 3, 3), **_statistics(random, 4), **({"b": random(4)} if bias else {})}
    assert operators(keeps_values(build(text, **weights), FoldBatchNormPass())) == ["Conv"]


@pytest.mark.parametrize("addition", ["c = Identity(m)", "c = Add(m, b)", "c = Add(b, m)"])
def test_after_a_dense_layer(build: Any, keeps_values: Any, operators: Any, random: Any, addition: str) -> None:
    norm = f"y = {NORM}({'m' if 'Identity' in addition else 'c'}, gamma, beta, mean, variance)"
    middle = "" if "Identity" in addition else addition
    text = f"(float[N,4] x) => (float[N,3] y) {{ m = MatMul(x, w) {middle} {norm} }}"
    weights = {"w": random(4, 3), **_statistics(random, 3), **({"b": random(3)} if middle else {})}
    assert operators(keeps_values(build(text, **weights), FoldBatchNormPass())) == ["MatMul", "Add"]


def test_not_where_something_else_reads_the_layer(build: Any, keeps_values: Any, operators: Any, random: Any) -> None:
    text = f"""(float[N,2,5,5] x) => (float[N,4,3,3] y, float[N,4,3,3] c) {{
        c = Conv(x, w)
        y = {NORM}(c, gamma, beta, mean, variance)
    }}"""
    model = build(text, w=random(4, 2, 3, 3), **_statistics(random, 4))
    assert operators(keeps_values(model, FoldBatchNormPass())) == ["Conv", "BatchNormalization"]


def test_not_where_the_normalised_axis_is_not_the_layers(
    build: Any, keeps_values: Any, operators: Any, random: Any
) -> None:
    text = f"""(float[N,3,4] x) => (float[N,3,3] y) {{
        m = MatMul(x, w)
        y = {NORM}(m, gamma, beta, mean, variance)
    }}"""
    model = build(text, w=random(4, 3), **_statistics(random, 3))
    assert operators(keeps_values(model, FoldBatchNormPass())) == ["MatMul", "BatchNormalization"]


def test_a_weight_that_another_layer_shares_stays(build: Any, keeps_values: Any, operators: Any, random: Any) -> None:
    text = f"""(float[N,3] x) => (float[N,3] y, float[N,3] z) {{
        m = MatMul(x, w)
        y = {NORM}(m, gamma, beta, mean, variance)
        z = MatMul(x, w)
    }}"""
    model = build(text, w=random(3, 3), **_statistics(random, 3))
    assert operators(keeps_values(model, FoldBatchNormPass())) == ["MatMul", "Add", "MatMul"]


def test_a_variance_that_gives_infinity_is_left_alone(build: Any, operators: Any, random: Any) -> None:
    text = f"(float[N,4] x) => (float[N,3] y) {{ m = MatMul(x, w) y = {NORM}(m, gamma, beta, mean, variance) }}"
    weights = {"w": random(4, 3), **_statistics(random, 3), "variance": np.full(3, -0.001, np.float32)}
    assert operators(FoldBatchNormPass()(build(text, **weights)).model) == ["MatMul", "BatchNormalization"]
