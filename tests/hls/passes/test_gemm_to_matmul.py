from typing import Any

import numpy as np
import pytest

from weft.hls.passes.gemm_to_matmul import GemmToMatMulPass


@pytest.mark.parametrize("attributes", ["", "<transB=1>", "<alpha=0.5>", "<transB=1, alpha=2.0, beta=3.0>"])
def test_constants_take_what_gemm_states(
    build: Any, keeps_values: Any, operators: Any, random: Any, attributes: str
) -> None:
    weight = random(3, 4) if "transB" in attributes else random(4, 3)
    model = build(f"(float[N,4] x) => (float[N,3] y) {{ y = Gemm{attributes}(x, w, b) }}", w=weight, b=random(3))
    assert operators(keeps_values(model, GemmToMatMulPass())) == ["MatMul", "Add"]


def test_without_a_bias_it_is_one_matmul(build: Any, keeps_values: Any, operators: Any, random: Any) -> None:
    model = build("(float[N,4] x) => (float[N,3] y) { y = Gemm<transB=1>(x, w) }", w=random(3, 4))
    assert operators(keeps_values(model, GemmToMatMulPass())) == ["MatMul"]


def test_a_gemm_that_constants_cannot_hold_stays(build: Any, keeps_values: Any, operators: Any, random: Any) -> None:
    model = build("(float[4,2] x) => (float[2,3] y) { y = Gemm<transA=1>(x, w, b) }", w=random(4, 3), b=random(3))
    assert operators(keeps_values(model, GemmToMatMulPass())) == ["Gemm"]
    model = build("(float[2,4] x, float[3,4] w) => (float[2,3] y) { y = Gemm<transB=1>(x, w) }")
    assert operators(keeps_values(model, GemmToMatMulPass())) == ["Gemm"]


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_dequantised_weight_is_transposed_as_integers(
    build: Any, keeps_values: Any, operators: Any, per_channel: bool
) -> None:
    scale = np.array([0.5, 0.25, 0.125] if per_channel else 0.5, np.float32)
    text = """(float[N,4] x) => (float[N,3] y) {
        w = DequantizeLinear<axis=0>(integers, scale)
        y = Gemm<transB=1>(x, w)
    }"""
    model = build(text, integers=np.arange(-6, 6, dtype=np.int8).reshape(3, 4), scale=scale)
    result = keeps_values(model, GemmToMatMulPass())
    assert operators(result) == ["DequantizeLinear", "DequantizeLinear", "MatMul"]
    assert result.graph.node(1).inputs[0].const_value.numpy().dtype == np.int8


def test_matmul_keeps_the_name(build: Any, random: Any) -> None:
    model = build("(float[N,4] x) => (float[N,3] y) { y = Gemm(x, w, b) }", w=random(4, 3), b=random(3))
    model.graph.node(0).name = '../a "b"\n'
    result = GemmToMatMulPass()(model).model
    assert [node.name for node in result.graph] == ['../a "b"\n', '../a "b"\n_bias']
