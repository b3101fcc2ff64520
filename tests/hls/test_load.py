"""Loading: the cleaned network computes the same, and a hostile file gives one sentence."""

from __future__ import annotations

import io
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
from onnx import TensorProto, helper, numpy_helper

from weft.boards.errors import ModelError
from weft.hls.load import load

Array = NDArray[Any]


def _proto(text: str, **weights: Array) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> net {text}')
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())
    return proto


def _run(model: onnx.ModelProto | ir.Model, *arrays: Array) -> list[Array]:
    proto = ir.to_proto(model) if isinstance(model, ir.Model) else model
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options)
    feeds = dict(zip([value.name for value in session.get_inputs()], arrays, strict=True))
    return [np.asarray(array) for array in session.run(None, feeds)]


def _assert_same(proto: onnx.ModelProto, loaded: ir.Model, *arrays: Array) -> None:
    onnx.checker.check_model(ir.to_proto(loaded), full_check=True)
    for before, after in zip(_run(proto, *arrays), _run(loaded, *arrays), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def _mlp() -> onnx.ModelProto:
    generator = np.random.default_rng(0)
    return _proto(
        "(float[N,6] x) => (float[N,3] y) { h = Gemm<transB=1>(x, w, b) r = Relu(h) d = Dropout(r) y = MatMul(d, v) }",
        w=generator.standard_normal((4, 6)).astype(np.float32),
        b=generator.standard_normal(4).astype(np.float32),
        v=generator.standard_normal((4, 3)).astype(np.float32),
    )


class TestSources:
    def test_every_kind_of_source_gives_the_same(self, tmp_path: Path) -> None:
        proto = _mlp()
        path = tmp_path / "net.onnx"
        onnx.save(proto, path)
        expected = ["MatMul", "Add", "Relu", "MatMul"]
        for source in (path, str(path), path.read_bytes(), proto, ir.from_proto(proto)):
            assert [node.op_type for node in load(source).graph] == expected

    def test_the_source_is_not_changed(self) -> None:
        proto, model = _mlp(), ir.from_proto(_mlp())
        before = proto.SerializeToString()
        load(proto)
        load(model)
        assert proto.SerializeToString() == before
        assert [node.op_type for node in model.graph] == ["Gemm", "Relu", "Dropout", "MatMul"]

    def test_loading_twice_changes_nothing_more(self) -> None:
        once = load(_mlp())
        assert ir.to_proto(load(once)).graph.node == ir.to_proto(once).graph.node

    def test_external_data_beside_the_model_is_read(self, tmp_path: Path) -> None:
        onnx.save(_mlp(), tmp_path / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
        x = np.ones((2, 6), np.float32)
        _assert_same(_mlp(), load(tmp_path / "net.onnx"), x)


class TestCleaning:
    def test_names_stay_and_missing_ones_are_given(self) -> None:
        proto = _mlp()
        names = ['a"b', "../../x\n", "int", ""]
        for node, name in zip(proto.graph.node, names, strict=True):
            node.name = name
        assert [node.name for node in load(proto).graph] == ['a"b', 'a"b_bias', "../../x\n", "MatMul_y"]

    def test_functions_are_inlined(self) -> None:
        text = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
            net (float[N,4] x) => (float[N,4] y) { a = own.twice(x) y = own.twice(a) }
            <opset_import: ["" : 21], domain: "own"> twice (x) => (y) { y = Add(x, x) }"""
        model = load(onnx.parser.parse_model(text))
        assert [node.op_type for node in model.graph] == ["Add", "Add"]
        assert not model.functions

    @pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 20, 21, 22])
    def test_older_opsets_are_upgraded(self, opset: int) -> None:
        pool = "p = AveragePool<kernel_shape=[2,2], pads=[1,1,0,0]>(c)"
        text = f"""(float[N,2,6,6] x) => (float[N,3] y) {{
            c = Conv<pads=[1,1,1,1]>(x, w) {pool} f = Flatten(p) m = MatMul(f, v) y = Softmax<axis=1>(m) }}"""
        generator = np.random.default_rng(1)
        proto = _proto(
            text,
            w=generator.standard_normal((3, 2, 3, 3)).astype(np.float32),
            v=generator.standard_normal((108, 3)).astype(np.float32),
        )
        proto.opset_import[0].version, proto.ir_version = opset, 7
        loaded = load(proto)
        assert loaded.graph.opset_imports[""] >= 21
        _assert_same(proto, loaded, generator.standard_normal((2, 2, 6, 6)).astype(np.float32))

    def test_weights_that_are_inputs_too_become_weights(self) -> None:
        proto = _mlp()
        proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 6]))
        assert [value.name for value in load(proto).graph.inputs] == ["x"]

    def test_a_flattening_that_reads_the_batch_size_has_a_known_shape(self) -> None:
        text = """(float[N,2,3] x) => (float[N,K] y) {
            s = Shape(x) n = Gather(s, zero) u = Unsqueeze(n, axis) t = Concat<axis=0>(u, rest) y = Reshape(x, t) }"""
        proto = _proto(text, zero=np.array(0), axis=np.array([0]), rest=np.array([-1]))
        loaded = load(proto)
        assert [node.op_type for node in loaded.graph] == ["Reshape"]
        assert list(loaded.graph.outputs[0].shape or [])[1] == 6
        _assert_same(proto, loaded, np.ones((4, 2, 3), np.float32))

    def test_an_operator_of_a_strange_domain_stays(self) -> None:
        text = """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
            net (float[N,4] x) => (float[N,4] y) { a = com.microsoft.Gelu(x) y = Relu(a) }"""
        proto = onnx.parser.parse_model(text)
        _assert_same(proto, load(proto), np.ones((2, 4), np.float32))

    def test_qonnx_quantisers_have_shapes_and_their_weights_are_transposed(self) -> None:
        text = """<ir_version: 10, opset_import: ["" : 21, "qonnx.custom_op.general" : 1]>
            net (float[N,6] x) => (float[N,C] y) {
                q = qonnx.custom_op.general.Quant<signed=1, narrow=1, rounding_mode="ROUND">(w, s, z, b)
                h = Gemm<transB=1>(x, q)
                y = qonnx.custom_op.general.Quant<signed=1, narrow=0, rounding_mode="ROUND">(h, s, z, b) }"""
        proto = onnx.parser.parse_model(text)
        arrays = {"w": np.ones((4, 6)), "s": np.array(0.25), "z": np.array(0), "b": np.array(8)}
        proto.graph.initializer.extend(numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items())
        model = load(proto)
        assert [node.op_type for node in model.graph] == ["Quant", "MatMul", "Quant"]
        assert [len(node.inputs) for node in model.graph] == [4, 2, 4]
        assert [list(node.outputs[0].shape or [])[-1] for node in model.graph] == [4, 4, 4]


@st.composite
def _networks(draw: st.DrawFn) -> tuple[onnx.ModelProto, Array]:
    """Convolutions and dense layers with the nodes around them that loading rewrites."""
    generator = np.random.default_rng(draw(st.integers(0, 2**31)))
    weights: dict[str, Array] = {}
    lines: list[str] = []
    image = draw(st.booleans())
    channels = draw(st.integers(1, 4))
    shape = [channels, 6, 6] if image else [channels]
    last = "x"

    def weight(*size: int) -> str:
        name = f"w{len(weights)}"
        # Divided by the fan-in, so that values, and with them rounding errors, do not grow from layer to layer.
        weights[name] = (generator.standard_normal(size) / np.sqrt(float(np.prod(size[1:])))).astype(np.float32)
        return name

    def emit(text: str) -> None:
        nonlocal last
        lines.append(f"t{len(lines)} = {text}")
        last = f"t{len(lines) - 1}"

    for _ in range(draw(st.integers(1, 4))):
        before, channels = channels, draw(st.integers(1, 5))
        if image:
            emit(f"Conv<pads=[1,1,1,1]>({last}, {weight(channels, before, 3, 3)}, {weight(channels)})")
        elif draw(st.booleans()):
            transpose = draw(st.integers(0, 1))
            size = (channels, before) if transpose else (before, channels)
            factors = f"alpha={draw(st.sampled_from([1.0, 0.5]))}, beta={draw(st.sampled_from([1.0, 2.0]))}"
            emit(f"Gemm<transB={transpose}, {factors}>({last}, {weight(*size)}, {weight(channels)})")
        else:
            emit(f"MatMul({last}, {weight(before, channels)})")
        if draw(st.booleans()):
            parameters = [weight(channels) for _ in range(4)]
            weights[parameters[3]] = np.abs(weights[parameters[3]]) + np.float32(0.5)
            emit(f"BatchNormalization({last}, {', '.join(parameters)})")
        emit(f"{draw(st.sampled_from(['Relu', 'Identity', 'Sigmoid', 'Dropout']))}({last})")
    dims = ",".join(map(str, shape))
    text = f"(float[N,{dims}] x) => (float[{'N,C,H,W' if image else 'N,C'}] y) {{ {' '.join(lines)} y = Tanh({last}) }}"
    return _proto(text, **weights), generator.standard_normal((3, *shape)).astype(np.float32)


@given(_networks())
def test_random_networks_compute_the_same(network: tuple[onnx.ModelProto, Array]) -> None:
    proto, x = network
    loaded = load(proto)
    _assert_same(proto, loaded, x)
    assert not {"Identity", "Dropout", "Gemm", "BatchNormalization"} & {node.op_type for node in loaded.graph}
    names = [node.name for node in loaded.graph]
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the older exporter says that it is
@pytest.mark.parametrize("dynamo", [False, True])
def test_torch_exports_compute_the_same(dynamo: bool) -> None:
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    nn = torch.nn
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.AvgPool2d(2), nn.Dropout(), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(36, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 5), nn.Softmax(-1))
    x = torch.randn(3, 1, 8, 8)
    buffer = io.BytesIO()
    batch: dict[str, Any] = (
        {"dynamic_shapes": ({0: torch.export.Dim("N")},)} if dynamo else {"dynamic_axes": {"x": {0: "N"}}}
    )
    torch.onnx.export(
        network.eval(), (x,), buffer, dynamo=dynamo, input_names=["x"], output_names=["y"], verbose=False, **batch
    )
    _assert_same(onnx.load_from_string(buffer.getvalue()), load(buffer.getvalue()), x.numpy())


def _external(location: str, length: int = 96, offset: int = 0) -> onnx.ModelProto:
    proto = _mlp()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", str(length)), ("offset", str(offset))):
        tensor.external_data.add(key=key, value=value)
    return proto


class TestHostileInput:
    @pytest.mark.parametrize("data", [b"", b"not ONNX at all", bytes(1000), b"\x08\x0a", b"PK\x03\x04"])
    def test_what_is_not_onnx(self, data: bytes) -> None:
        with pytest.raises(ModelError, match="not an ONNX file or is truncated"):
            load(data)

    @given(st.integers(0, 10_000))
    def test_a_truncated_file(self, cut: int) -> None:
        data = _mlp().SerializeToString()
        with pytest.raises(ModelError):
            load(data[: cut % len(data)])

    @given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
    def test_damaged_bytes_load_or_give_a_model_error(self, damage: list[tuple[int, int]]) -> None:
        data = bytearray(_mlp().SerializeToString())
        for place, value in damage:
            data[place % len(data)] = value
        try:
            load(bytes(data))
        except ModelError as error:
            assert "\n" not in str(error)

    @pytest.mark.parametrize("source", [None, 7, {"x": 1}, np.zeros(3)])
    def test_wrong_types(self, source: Any) -> None:
        with pytest.raises(ModelError, match="cannot load a"):
            load(source)

    def test_files_that_are_not_there_or_not_files(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.onnx", tmp_path, "a\0b", "x" * 5000):
            with pytest.raises(ModelError):
                load(path)

    def test_a_file_too_large_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "large.onnx"
        with path.open("wb") as file:
            file.truncate(2**31)  # sparse
        with pytest.raises(ModelError, match="larger than 2 GiB"):
            load(path)

    @pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin", "link.bin", ""])
    def test_data_outside_the_folder(self, tmp_path: Path, location: str) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (tmp_path / "secret.bin").write_bytes(bytes(96))
        (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
        (folder / "net.onnx").write_bytes(_external(location).SerializeToString())
        with pytest.raises(ModelError, match="outside the model's folder"):
            load(folder / "net.onnx")

    @pytest.mark.parametrize(("length", "offset"), [(96, 1), (96, -1), (95, 0), (2**70, 0), (96, 2**70)])
    def test_external_data_of_the_wrong_size(self, tmp_path: Path, length: int, offset: int) -> None:
        (tmp_path / "w.bin").write_bytes(bytes(96))
        (tmp_path / "net.onnx").write_bytes(_external("w.bin", length, offset).SerializeToString())
        with pytest.raises(ModelError, match="needs 96 bytes"):
            load(tmp_path / "net.onnx")

    def test_external_data_without_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "net.onnx").write_bytes(_external("w.bin").SerializeToString())
        with pytest.raises(ModelError, match="not there"):
            load(tmp_path / "net.onnx")
        with pytest.raises(ModelError, match="by its path"):
            load(_external("w.bin"))

    def test_a_shape_that_claims_more_than_the_bytes(self) -> None:
        proto = _mlp()
        proto.graph.initializer[0].dims[:] = [2**31, 2**31]
        with pytest.raises(ModelError, match="where its shape and type need"):
            load(proto)

    def test_shapes_that_do_not_fit_together(self) -> None:
        proto = _proto("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((5, 3), np.float32))
        with pytest.raises(ModelError, match="do not fit together"):
            load(proto)

    def test_an_operator_that_does_not_exist(self) -> None:
        with pytest.raises(ModelError, match="Frobnicate"):
            load(_proto("(float[N,4] x) => (float[N,4] y) { y = Frobnicate(x) }"))

    @pytest.mark.parametrize("opset", [0, 99, 2**40])
    def test_opsets_that_cannot_be_handled(self, opset: int) -> None:
        proto = _proto("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
        proto.opset_import[0].version = opset
        with pytest.raises(ModelError):
            load(proto)


class TestWhatOnnxIsTooStrictAbout:
    """Models that exporters write and ONNX Runtime runs, though onnx's checker refuses them."""

    def test_operators_of_onnx_runtimes_own_in_the_standard_domain(self) -> None:
        text = "(float[N,4] x) => (float[N,4] y) { y = SimplifiedLayerNormalization<axis=-1, epsilon=0.00001>(x, s) }"
        proto = _proto(text, s=np.arange(4, dtype=np.float32))
        x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
        for source in (proto, ir.from_proto(proto)):
            np.testing.assert_allclose(_run(load(source), x)[0], _run(proto, x)[0], rtol=1e-6)

    @pytest.mark.parametrize("field", ["type", "shape"])
    def test_outputs_without_a_type_or_a_rank(self, field: str) -> None:
        proto = _mlp()
        (output,) = proto.graph.output
        (output if field == "type" else output.type.tensor_type).ClearField(field)
        x = np.ones((2, 6), np.float32)
        loaded = load(proto)
        np.testing.assert_allclose(_run(loaded, x)[0], _run(_mlp(), x)[0], rtol=1e-5)
        assert loaded.graph.outputs[0].type is not None

    def test_maps_are_refused_with_advice(self) -> None:
        proto = _mlp()
        values = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        kind = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, values))
        proto.graph.output[0].type.CopyFrom(kind)
        with pytest.raises(ModelError, match="'y' of the model is a map: export without ZipMap"):
            load(proto)


def test_a_graph_is_named_after_its_file(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "examples" / "digits_mlp.onnx"
    copy = tmp_path / "my net.onnx"
    copy.write_bytes(source.read_bytes())
    assert load(copy).graph.name == "my net"
    assert load(copy.read_bytes()).graph.name != "my net"
