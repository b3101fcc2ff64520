"""Compression: accuracy on real data, standard ONNX that ONNX Runtime runs, and sentences for wrong calibration."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper

from weft.boards.errors import InputError
from weft.hls.calibrate import choose_type
from weft.hls.compress import Compressed, Recipe, compress
from weft.hls.precision import FixedType
from weft.hls.quantised import is_quantised, tensor_types

Array = NDArray[Any]
RECIPES: tuple[Recipe, ...] = ("fixed8", "fixed16", "int8")


def _proto(text: str, **weights: Array) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> net {text}')
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())
    return proto


def _run(model: onnx.ModelProto | ir.Model, feeds: dict[str, Array]) -> list[Array]:
    proto = ir.to_proto(model) if isinstance(model, ir.Model) else model
    return [np.asarray(a) for a in ort.InferenceSession(proto.SerializeToString()).run(None, feeds)]


def _normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _cnn() -> onnx.ModelProto:
    text = """(float[N,2,6,6] x) => (float[N,3] y) {
        c = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(c) p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        f = Flatten(p) g = Gemm<transB=1>(f, v, a) y = Softmax(g) }"""
    return _proto(text, w=_normal(4, 2, 3, 3), b=_normal(4), v=_normal(3, 36), a=_normal(3))


def _types(result: Compressed) -> dict[str, str]:
    return {name: str(kind).replace(",RND_CONV,SAT", "") for name, kind in result.report.types.items()}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp"])
def test_the_digits_lose_at_most_one_point(repository: Path, recipe: Recipe, name: str) -> None:
    pytest.importorskip("sklearn")
    path = repository / "examples" / f"{name}.onnx"
    spec = importlib.util.spec_from_file_location("digits_data", repository / "examples" / "digits_data.py")
    assert spec is not None
    assert spec.loader is not None
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    train, _, test, labels = data.load_split()
    shape = [-1, 64] if name == "digits_mlp" else [-1, 1, 8, 8]
    train, test = (np.asarray(a, np.float32).reshape(shape) for a in (train, test))

    def accuracy(model: onnx.ModelProto | ir.Model) -> float:
        (scores,) = _run(model, {"x": test})
        return float((scores.argmax(1) == labels).mean())

    result = compress(path, recipe, calibration=train)
    assert accuracy(onnx.load(path)) - accuracy(result.model) <= 0.01


class TestTypes:
    def test_fixed8(self) -> None:
        result = compress(_cnn(), "fixed8", calibration=np.abs(_normal(64, 2, 6, 6)))
        types = result.report.types
        assert {name for name in types if not types[name].signed} == {"x", "r", "p", "f", "y"}
        assert types["r"] == types["p"] == types["f"]
        assert _types(result)["y"] == "ufixed<8,0>"
        assert {types[name].width for name in types} == {8, 32}
        assert {name for name in types if types[name].width == 32} == {"b", "a"}
        assert "c" not in types  # inside the group that ends with Relu

    def test_int8_is_signed_throughout(self) -> None:
        result = compress(_cnn(), "int8", calibration=np.abs(_normal(64, 2, 6, 6)))
        assert all(kind.signed for kind in result.report.types.values())
        assert _types(result)["y"] == "fixed<8,1>"

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_model_states_what_the_report_says(self, recipe: Recipe) -> None:
        result = compress(_cnn(), recipe, calibration=_normal(32, 2, 6, 6))
        stated = tensor_types(result.model)
        stated["x"] = stated.pop("x_fixed")
        assert stated == result.report.types
        assert is_quantised(result.model)

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_a_bias_has_the_scale_of_input_times_weight(self, recipe: Recipe) -> None:
        types = compress(_cnn(), recipe, calibration=4 * _normal(32, 2, 6, 6)).report.types
        exact = types["x"].fraction + types["w"].fraction
        assert types["b"].fraction == exact if recipe != "fixed16" else types["b"].fraction <= exact

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_no_bias_is_clipped(self, recipe: Recipe) -> None:
        tiny = np.float32(1e-6)
        text = "(float[N,4] x) => (float[N,3] y) { m = MatMul(x, w) y = Add(m, b) }"
        bias = np.array([900.0, -900.0, 0.5], np.float32)
        proto = _proto(text, w=tiny * _normal(4, 3), b=bias)
        result = compress(proto, recipe, calibration=tiny * _normal(32, 4))
        (y,) = _run(result.model, {"x": np.zeros((1, 4), np.float32)})
        np.testing.assert_allclose(y[0], bias, atol=8 if recipe != "fixed16" else 0.1)

    def test_only_layers_end_groups(self) -> None:
        text = """(float[N,4] x) => (float[N,4] y) {
            m = MatMul(x, w) a = Add(b, m) r = Relu(a) s = Sigmoid(r) t = Add(s, x) u = Relu(t) y = Mul(u, two) }"""
        proto = _proto(text, w=_normal(4, 4), b=_normal(4), two=np.array(2, np.float32))
        types = compress(proto, "fixed8", calibration=_normal(64, 4)).report.types
        assert set(types) == {"x", "w", "b", "two", "r", "s", "t", "u", "y"}
        assert types["u"] == types["t"]
        assert str(types["two"]) == "fixed<8,3,RND_CONV,SAT>"

    def test_a_layer_that_two_nodes_read_ends_a_group(self) -> None:
        text = "(float[N,4] x) => (float[N,4] y, float[N,4] z) { m = MatMul(x, w) y = Relu(m) z = Tanh(m) }"
        types = compress(_proto(text, w=_normal(4, 4)), "fixed8", calibration=_normal(64, 4)).report.types
        assert {"m", "y", "z"} <= set(types)

    def test_outliers_are_clipped_where_that_costs_less(self) -> None:
        values = np.append(_normal(100_000), np.float32(20))
        assert choose_type(values, 8).type.integer < 6  # 2**5 would cover the outlier
        assert choose_type(values, 16).type.integer == 6  # with 16 bits covering costs less

    @given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50), st.sampled_from([8, 16]))
    def test_no_neighbouring_scale_is_better(self, numbers: list[float], width: int) -> None:
        values = np.array(numbers)
        kind = choose_type(values, width).type

        def error(integer: int) -> float:
            other = FixedType(width, integer, True, "RND_CONV", "SAT")
            return float(np.square(other.to_float(other.quantise(values)) - values).sum())

        if np.abs(values).max() > 1e-6:
            assert error(kind.integer) <= min(error(kind.integer - 1), error(kind.integer + 1))


class TestModel:
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_it_is_standard_onnx_with_the_same_interface(self, tmp_path: Path, recipe: Recipe) -> None:
        proto = _cnn()
        result = compress(proto, recipe, calibration=_normal(32, 2, 6, 6))
        ir.save(result.model, tmp_path / "small.onnx")
        onnx.checker.check_model(tmp_path / "small.onnx", full_check=True)
        session = ort.InferenceSession(tmp_path / "small.onnx")
        assert [value.name for value in session.get_inputs()] == ["x"]
        assert [value.name for value in session.get_outputs()] == ["y"]
        assert {node.domain for node in result.model.graph} == {""}
        assert result.report.bytes_after == (tmp_path / "small.onnx").stat().st_size

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_optimised_and_plain_runs_agree_to_one_step(self, recipe: Recipe) -> None:
        x = _normal(16, 2, 6, 6, seed=5)
        model = compress(_cnn(), recipe, calibration=x).model
        plain = ort.SessionOptions()
        plain.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        data = ir.to_proto(model).SerializeToString()
        results = [np.asarray(ort.InferenceSession(data, o).run(None, {"x": x})[0]) for o in (None, plain)]
        step = 2.0 ** -compress(_cnn(), recipe, calibration=x).report.types["y"].fraction
        np.testing.assert_allclose(results[0], results[1], rtol=0, atol=step)

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_a_dense_layer_over_a_sequence(self, recipe: Recipe) -> None:
        text = """(float[N,5,4] x) => (float[N,5,3] y) {
            l = LayerNormalization(x, g) m = MatMul(l, w) a = Add(m, b) r = Relu(a) y = Softmax(r) }"""
        proto = _proto(text, g=np.ones(4, np.float32), w=_normal(4, 3), b=_normal(3))
        result = compress(proto, recipe, calibration=_normal(16, 5, 4))
        x = _normal(2, 5, 4)
        np.testing.assert_allclose(_run(result.model, {"x": x})[0], _run(proto, {"x": x})[0], atol=0.1)

    def test_hostile_names_survive(self) -> None:
        proto = _cnn()
        for node in proto.graph.node:
            node.name = '../"int"\n'
        result = compress(proto, calibration=_normal(8, 2, 6, 6))
        _run(result.model, {"x": _normal(2, 2, 6, 6)})

    def test_a_shared_weight_is_stored_once(self) -> None:
        proto = _proto("(float[N,4] x) => (float[N,4] y) { m = MatMul(x, w) y = MatMul(m, w) }", w=_normal(4, 4))
        model = compress(proto, calibration=_normal(8, 4)).model
        assert (
            sum(
                value.dtype == ir.DataType.INT8 and value.shape == ir.Shape([4, 4])
                for value in model.graph.initializers.values()
            )
            == 1
        )

    def test_a_fixed_batch(self) -> None:
        text = "(float[4,3] x) => (float[4,2] y) { y = MatMul(x, w) }"
        result = compress(_proto(text, w=_normal(3, 2)), calibration=_normal(10, 3))
        assert _run(result.model, {"x": _normal(4, 3)})[0].shape == (4, 2)
        with pytest.raises(InputError, match="3 samples where the network takes 4"):
            compress(_proto(text, w=_normal(3, 2)), calibration=_normal(3, 3))

    def test_the_report_measures_the_outputs(self) -> None:
        x = _normal(300, 2, 6, 6)
        proto = _cnn()
        result = compress(proto, "fixed8", calibration=x)
        difference = _run(proto, {"x": x})[0] - _run(result.model, {"x": x})[0]
        error = result.report.output_error["y"]
        assert error.maximum == pytest.approx(np.abs(difference).max(), rel=1e-3)
        assert error.root_mean_square == pytest.approx(np.sqrt(np.square(difference).mean()), rel=1e-3)
        assert error.same_class is not None
        assert error.same_class > 0.9


@st.composite
def _networks(draw: st.DrawFn) -> tuple[onnx.ModelProto, Array]:
    seed = draw(st.integers(0, 2**31))
    generator = np.random.default_rng(seed)
    image = draw(st.booleans())
    channels = draw(st.integers(1, 4))
    shape = (channels, 4, 4) if image else (channels,)
    lines: list[str] = []
    weights: dict[str, Array] = {}
    last = "x"
    for number in range(draw(st.integers(1, 3))):
        before, channels = channels, draw(st.integers(1, 5))
        size = (channels, before, 3, 3) if image else (before, channels)
        weights[f"w{number}"] = (generator.standard_normal(size) / np.sqrt(np.prod(size[1:]))).astype(np.float32)
        weights[f"b{number}"] = generator.standard_normal(channels).astype(np.float32)
        layer = "Conv<pads=[1,1,1,1]>" if image else "Gemm"
        activation = draw(st.sampled_from(["Relu", "Sigmoid", "Tanh", "Identity", "LeakyRelu"]))
        lines.append(f"l{number} = {layer}({last}, w{number}, b{number}) a{number} = {activation}(l{number})")
        last = f"a{number}"
    dims = "N,C,H,W" if image else "N,C"
    ending = draw(st.sampled_from(["Identity", "Softmax", "Relu"]))
    text = f"(float[N,{','.join(map(str, shape))}] x) => (float[{dims}] y) {{ {' '.join(lines)} y = {ending}({last}) }}"
    return _proto(text, **weights), generator.standard_normal((20, *shape)).astype(np.float32)


@given(_networks(), st.sampled_from(RECIPES))
def test_random_networks(network: tuple[onnx.ModelProto, Array], recipe: Recipe) -> None:
    proto, x = network
    result = compress(proto, recipe, calibration=x)
    model = ir.to_proto(result.model)
    onnx.checker.check_model(model, full_check=True)
    tensor_types(result.model)  # raises unless every scale is a power of two and every zero point 0
    (expected,), (actual,) = _run(proto, {"x": x}), _run(model, {"x": x})
    bound = (2e-3 if recipe == "fixed16" else 0.5) * max(1.0, float(np.abs(expected).max()))
    assert float(np.abs(expected - actual).max()) <= bound


class TestCalibration:
    @pytest.mark.parametrize(
        ("calibration", "reason"),
        [
            ({"z": _normal(4, 2, 6, 6)}, r"inputs \['z'\] where the network has \['x'\]"),
            ({}, "where the network has"),
            (_normal(4, 2, 6, 5), r"'x' has shape \(4, 2, 6, 5\) where the network takes \('N', 2, 6, 6\)"),
            (_normal(4, 72), "'x' has shape"),
            (np.ones((4, 2, 6, 6), np.int64), "'x' has dtype int64"),
            (np.array([["a"]]), "'x' has dtype"),
            (np.full((4, 2, 6, 6), np.nan, np.float32), "'x' contains NaN"),
            (np.full((4, 2, 6, 6), np.inf, np.float32), "'x' contains NaN or infinity"),
            (np.full((4, 2, 6, 6), 1e300), "'x' contains NaN or infinity"),
            (np.zeros((0, 2, 6, 6), np.float32), "'x' is empty"),
            ("x.npz", "'x' has dtype"),
        ],
    )
    def test_wrong_data(self, calibration: Any, reason: str) -> None:
        with pytest.raises(InputError, match=reason) as raised:
            compress(_cnn(), calibration=calibration)
        assert "\n" not in str(raised.value)

    def test_none_warns_and_says_so(self) -> None:
        with pytest.warns(UserWarning, match="random inputs"):
            result = compress(_cnn())
        assert "random inputs" in result.report.sentences[0]

    def test_none_cannot_stand_in_for_integers(self) -> None:
        proto = _proto("(int64[N,4] x) => (float[N,4] y) { y = Cast<to=1>(x) }")
        with pytest.raises(InputError, match="'x' cannot be calibrated with random numbers"):
            compress(proto)

    def test_one_array_for_two_inputs(self) -> None:
        proto = _proto("(float[N,4] x, float[N,4] z) => (float[N,4] y) { y = Add(x, z) }")
        with pytest.raises(InputError, match="inputs 'x', 'z': give a mapping"):
            compress(proto, calibration=_normal(4, 4))
        with pytest.raises(InputError, match="different number of samples"):
            compress(proto, calibration={"x": _normal(4, 4), "z": _normal(5, 4)})
        compress(proto, calibration={"x": _normal(4, 4), "z": _normal(4, 4)})

    def test_a_tensor_that_overflows(self) -> None:
        proto = _proto("(float[N,4] x) => (float[N,4] y) { e = Exp(x) y = Exp(e) }")
        with pytest.raises(InputError, match="tensor 'y' is NaN or infinite"):
            compress(proto, calibration=np.full((4, 4), 50, np.float32))

    def test_a_compressed_model_or_an_unknown_recipe(self) -> None:
        result = compress(_cnn(), calibration=_normal(4, 2, 6, 6))
        with pytest.raises(InputError, match="quantised already"):
            compress(result.model, calibration=_normal(4, 2, 6, 6))
        recipe: Any = "fixed7"
        with pytest.raises(InputError, match="use one of fixed8, fixed16, int8"):
            compress(_cnn(), recipe)


def test_sixteen_bits_leave_room_beyond_the_calibration_data() -> None:
    """Values up to nearly twice those that were seen do not saturate, where eight bits rather keep their steps fine."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        net (float[N,4] x) => (float[N,4] y) { y = Relu (x) }"""
    )
    seen = np.linspace(-3, 3, 64, dtype=np.float32).reshape(-1, 4)
    limits: dict[Recipe, float] = {"fixed16": 8.0, "fixed8": 4.0}
    for recipe, limit in limits.items():
        kind = compress(model, recipe, calibration=seen).report.types["x"]
        assert kind.maximum * 2.0**-kind.fraction == pytest.approx(limit, rel=0.01)
