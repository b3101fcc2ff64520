"""What an evaluation expects of a network, and what it measures of a plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from builder import Builder
from numpy.typing import NDArray

import weft
from weft.boards.errors import InputError
from weft.host.evaluation import Data, read_evaluation

Array = NDArray[Any]
X = np.random.default_rng(3).normal(0, 1, (70, 16)).astype(np.float32)


def classifier() -> onnx.ModelProto:
    return Builder((16,)).dense(16, 5).proto(5)


def answers(model: onnx.ModelProto, x: Array = X) -> Array:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def parsed(text: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 17]> net {text}')
    onnx.checker.check_model(model)
    return model


def measured(model: onnx.ModelProto, data: Data) -> tuple[str, float, float | None, int]:
    """Metric, value, reference and samples of the plan that runs everything on the CPU."""
    evaluation = read_evaluation(weft.load(model), data)
    found = evaluation.of(weft.plan(model, board="pynq-z2", devices="cpu"), "float")
    return found.metric, found.value, found.reference, found.samples


def test_classes_are_compared_with_labels() -> None:
    labels = answers(classifier()).argmax(1)
    labels[:7] = (labels[:7] + 1) % 5
    assert measured(classifier(), {"x": X, "labels": labels}) == ("accuracy", 0.9, 0.9, 70)


def test_without_labels_with_the_networks_own_classes() -> None:
    assert measured(classifier(), X) == ("agreement", 1.0, None, 70)


def test_classes_that_the_network_gives_itself() -> None:
    model = parsed("(float[N,16] x) => (int64[N,1] y) { y = ArgMax<axis=1>(x) }")
    labels = X.argmax(1)
    labels[0] += 1
    assert measured(model, {"x": X, "labels": labels}) == ("accuracy", 69 / 70, 69 / 70, 70)


def test_numbers_by_the_coefficient_of_determination() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    model = Builder((16,)).dense(16, 1).proto(1)
    own = answers(model)
    wanted = own[:, 0] + np.random.default_rng(4).normal(0, 0.2, 70)
    metric, value, reference, _ = measured(model, {"x": X, "labels": wanted})
    assert metric == "r2"
    assert value == reference == pytest.approx(sklearn.r2_score(wanted, own[:, 0]), abs=1e-6)
    assert measured(model, X)[:3] == ("r2", 1.0, None)
    assert measured(model, {"x": X, "labels": np.full(70, 2.5)})[1] == 0.0


@pytest.mark.parametrize(("operator", "least"), [("Sigmoid", 0.5), ("Tanh", 0.0)])
def test_yes_is_above_one_half_behind_a_sigmoid(operator: str, least: float) -> None:
    model = Builder((16,)).dense(16, 1).node(operator).proto(1)
    labels = (answers(model)[:, 0] > least).astype(np.int64)
    assert 0.1 < labels.mean() < 0.9
    assert measured(model, {"x": X, "labels": labels}) == ("accuracy", 1.0, 1.0, 70)


def test_an_input_that_is_called_labels_is_an_input() -> None:
    model = parsed("(float[N,4] x, float[N,4] labels) => (float[N,4] y) { y = Add(x, labels) }")
    x = X[:, :4]
    assert measured(model, {"x": x, "labels": x})[0] == "agreement"


def test_samples_that_fill_no_fixed_batch_are_left_out() -> None:
    model = classifier()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 32
    labels = answers(classifier()).argmax(1)
    assert measured(model, {"x": X, "labels": labels}) == ("accuracy", 1.0, 1.0, 64)


def test_what_runs_on_the_fpga_is_what_is_measured() -> None:
    """At 4 bits for everything a design is far from the float network, and its own integers say how far."""
    pytest.importorskip("hls4ml")
    model = classifier()
    plan = weft.plan(model, board="pynq-z2", precision="fixed<4,3>")
    region = plan.fpga_region
    assert region is not None
    assert region.design is not None
    wanted = answers(model).argmax(1)
    expected = float((np.asarray(region.design.run(X)).argmax(1) == wanted).mean())
    assert expected < 0.9
    found = read_evaluation(weft.load(model), {"x": X, "labels": wanted}).of(plan, "fixed<4,3>")
    assert (found.value, found.reference) == (expected, 1.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": X, "labels": np.zeros((70, 2), np.int64)}, r"labels have shape \(70, 2\)"),
        ({"x": X, "labels": np.zeros(69, np.int64)}, "has 70 samples, and its labels are int64"),
        ({"x": X, "labels": np.full(70, "cat")}, "labels are <U3"),
        ({"x": X, "labels": np.full((70, 5), np.nan)}, "labels contain NaN"),
        ({"y": X}, "evaluation has inputs"),
        (X[:, :3], "evaluation of input 'x' has shape"),
    ],
)
def test_what_does_not_fit_is_said(data: Data, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_evaluation(weft.load(classifier()), data)


def test_outputs_that_cannot_be_scored_are_said() -> None:
    total = parsed("(float[N,4] x) => (float y) { y = ReduceSum<keepdims=0>(x) }")
    with pytest.raises(InputError, match="'y' cannot be scored"):
        read_evaluation(weft.load(total), X[:, :4])
    logarithm = parsed("(float[N,4] x) => (float[N,4] y) { y = Log(x) }")
    with pytest.raises(InputError, match="'y' is NaN or infinite"):
        read_evaluation(weft.load(logarithm), X[:, :4])
