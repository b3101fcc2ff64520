"""Which layers get 16 bits, and that it is they that do."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from weft.boards.errors import InputError
from weft.hls.compress import compress
from weft.hls.load import load
from weft.hls.mixed_widths import widened
from weft.hls.quantised import tensor_types

X = np.random.default_rng(1).normal(0, 1, (100, 8)).astype(np.float32)


def network(layers: int, exact: int | None = None) -> ir.Model:
    """Dense layers m0, m1, ... of 8 by 8 with a bias and Relu; 8 bits hold the weights of layer `exact` as they are."""
    random = np.random.default_rng(0)
    steps, weights = [], {}
    for index in range(layers):
        weights[f"w{index}"] = np.eye(8) if index == exact else random.normal(0, 0.4, (8, 8))
        weights[f"b{index}"] = random.normal(0, 0.4, 8)
        before, after = f"h{index - 1}" if index else "x", f"h{index}" if index < layers - 1 else "y"
        steps.append(f"m{index} = MatMul({before}, w{index}) a{index} = Add(m{index}, b{index})")
        steps.append(f"{after} = Relu(a{index})")
    text = f'<ir_version: 10, opset_import: ["" : 21]> net (float[N,8] x) => (float[N,8] y) {{ {" ".join(steps)} }}'
    proto = onnx.parser.parse_model(text)
    for node in proto.graph.node:
        node.name = node.output[0]
    arrays = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    proto.graph.initializer.extend(arrays)
    return load(proto)


def outputs(model: ir.Model, optimised: bool = True) -> NDArray[Any]:
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    return np.asarray(session.run(None, {"x": X})[0])


@pytest.mark.parametrize(("layers", "counts"), [(1, []), (2, [1]), (4, [1, 2]), (9, [1, 2, 4])])
def test_half_of_the_layers_keep_eight_bits(layers: int, counts: list[int]) -> None:
    found = list(widened(network(layers), X))
    assert [len(names) for names, _ in found] == counts
    assert all(found[-1][0][: len(names)] == names for names, _ in found)  # each has the layers before it too


def test_wide_layers_have_wide_weights_and_ends() -> None:
    for names, model in widened(network(5), X):
        types = tensor_types(model)
        for index in range(5):
            wide = f"m{index}" in names
            assert types[f"w{index}"].width == (16 if wide else 8)
            assert types[f"b{index}"].width == 32
            reader = f"m{index + 1}" in names
            assert types["y" if index == 4 else f"h{index}"].width == (16 if wide or reader else 8)


@pytest.mark.parametrize("exact", [0, 1])
def test_a_layer_that_loses_little_comes_last(exact: int) -> None:
    ((names, _),) = widened(network(2, exact), X)
    assert names == (f"m{1 - exact}",)


def test_each_layer_at_sixteen_bits_brings_the_outputs_closer() -> None:
    model = network(4)
    expected = outputs(model)
    networks = [compress(model, "fixed8", calibration=X).model, *(mixed for _, mixed in widened(model, X))]
    none, one, two = (np.square(outputs(each) - expected).sum() for each in networks)
    assert two < one < none


def test_onnx_runtime_computes_what_the_file_says() -> None:
    """Its integer layers, which it makes where widths agree, give what the float operators give that are written."""
    for _, mixed in widened(network(9), X):
        np.testing.assert_array_equal(outputs(mixed), outputs(mixed, optimised=False))


def test_the_network_stays_and_wrong_data_is_refused() -> None:
    model = network(4)
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    list(widened(model, X))
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
    with pytest.raises(InputError, match="calibration of input 'x' has shape"):
        next(widened(model, X[:, :3]))
