"""Small networks in ONNX's text form, and whether a pass keeps what they compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx_ir.passes import common

Floats = NDArray[np.float32]
Build = Callable[..., ir.Model]
Operators = Callable[[ir.Model], list[str]]
Same = Callable[[ir.Model, ir.passes.PassBase], ir.Model]


def _build(text: str, **weights: NDArray[np.generic]) -> ir.Model:
    """A model from `(float[N,4] x) => (float[N,3] y) { ... }` and its initialisers."""
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> net {text}')
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in weights.items())
    return common.ShapeInferencePass(data_prop=False)(ir.from_proto(proto)).model


def _run(model: ir.Model) -> list[Floats]:
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    generator = np.random.default_rng(3)
    feeds = {
        value.name: generator.standard_normal([d if isinstance(d, int) else 3 for d in value.shape]).astype(np.float32)
        for value in session.get_inputs()
    }
    return [np.asarray(array) for array in session.run(None, feeds)]


def _same(model: ir.Model, rewrite: ir.passes.PassBase) -> ir.Model:
    """Apply a pass and hold the outputs, by name and value, against those before."""
    expected, names = _run(model), [value.name for value in model.graph.outputs]
    result = rewrite(model.clone()).model
    onnx.checker.check_model(ir.to_proto(result), full_check=True)
    assert [value.name for value in result.graph.outputs] == names
    for before, after in zip(expected, _run(result), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)
    return result


@pytest.fixture
def build() -> Build:
    return _build


@pytest.fixture
def keeps_values() -> Same:
    return _same


@pytest.fixture
def operators() -> Operators:
    return lambda model: [node.op_type for node in model.graph]


@pytest.fixture
def random() -> Callable[..., Floats]:
    """Weights of a shape, drawn from a fixed seed."""
    generator = np.random.default_rng(7)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)
