"""Lowering: each ONNX operator keeps its meaning, in both io types; names, layouts and refusals."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from weft.boards.errors import InputError, ModelError
from weft.hls.compress import compress
from weft.hls.design import Design, Io
from weft.hls.load import load
from weft.hls.lower import Choice, lower, supports
from weft.hls.precision import FixedType

pytest.importorskip("hls4ml")

IMAGE, VECTOR = (3, 6, 6), (12,)
random = np.random.default_rng(5)


def constant(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(random.normal(0, 0.5, shape).astype(np.float32), name)


def integers(name: str, values: list[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def model_of(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], shape: tuple[int, ...], output: str = "y"
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def node(operator: str, inputs: list[str], output: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], name=f"{operator}_{output}", **attributes)


CONV = node("Conv", ["x", "w", "b"], "c", pads=[1, 1, 1, 1])
CONV_WEIGHTS = [constant("w", 4, 3, 3, 3), constant("b", 4)]
DENSE = [node("MatMul", ["x", "w"], "m"), node("Add", ["m", "b"], "c")]
DENSE_WEIGHTS = [constant("w", 12, 8), constant("b", 8)]

# name -> nodes, constants, input shape
NETWORKS: dict[str, tuple[list[onnx.NodeProto], list[onnx.TensorProto], tuple[int, ...]]] = {
    "conv": ([node("Conv", ["x", "w", "b"], pads=[0, 1, 2, 1], strides=[2, 1])], CONV_WEIGHTS, IMAGE),
    "conv_same": ([node("Conv", ["x", "w", "b"], auto_pad="SAME_UPPER", strides=[2, 2])], CONV_WEIGHTS, IMAGE),
    "depthwise": ([node("Conv", ["x", "w"], group=3)], [constant("w", 3, 1, 3, 3)], IMAGE),
    "pointwise": ([node("Conv", ["x", "w"])], [constant("w", 5, 3, 1, 1)], IMAGE),
    "conv_1d": ([node("Conv", ["x", "w"], pads=[1, 1])], [constant("w", 4, 3, 3)], (3, 9)),
    "max_pool": ([CONV, node("MaxPool", ["c"], kernel_shape=[2, 2], strides=[2, 2])], CONV_WEIGHTS, IMAGE),
    "average_pool": ([CONV, node("AveragePool", ["c"], kernel_shape=[3, 3], strides=[3, 3])], CONV_WEIGHTS, IMAGE),
    "global_average": ([CONV, node("GlobalAveragePool", ["c"])], CONV_WEIGHTS, IMAGE),
    "global_max": ([CONV, node("GlobalMaxPool", ["c"])], CONV_WEIGHTS, IMAGE),
    "flatten_matmul": (
        [CONV, node("Flatten", ["c"], "f"), node("MatMul", ["f", "v"])],
        [*CONV_WEIGHTS, constant("v", 144, 5)],
        IMAGE,
    ),
    "flatten_activation_gemm": (
        [CONV, node("Flatten", ["c"], "f"), node("Tanh", ["f"], "t"), node("Gemm", ["t", "v"], transB=1)],
        [*CONV_WEIGHTS, constant("v", 5, 144)],
        IMAGE,
    ),
    "flatten_output": ([CONV, node("Flatten", ["c"])], CONV_WEIGHTS, IMAGE),
    "reshape_to_image": (
        [node("Reshape", ["x", "s"], "r"), node("Conv", ["r", "w"])],
        [integers("s", [0, 3, 2, 2]), constant("w", 4, 3, 2, 2)],
        VECTOR,
    ),
    "transpose": ([CONV, node("Transpose", ["c"], perm=[0, 3, 1, 2])], CONV_WEIGHTS, IMAGE),
    "pad": ([node("Pad", ["x", "p"])], [integers("p", [0, 0, 1, 2, 0, 0, 0, 1])], IMAGE),
    "resize": (
        [node("Resize", ["x", "", "s"], coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
        [numpy_helper.from_array(np.array([1, 1, 2, 3], np.float32), "s")],
        IMAGE,
    ),
    "concat": ([CONV, node("Relu", ["c"], "r"), node("Concat", ["c", "r"], axis=1)], CONV_WEIGHTS, IMAGE),
    "residual": ([CONV, node("Relu", ["c"], "r"), node("Add", ["r", "c"])], CONV_WEIGHTS, IMAGE),
    "gate": ([*DENSE, node("Sigmoid", ["c"], "s"), node("Mul", ["s", "c"])], DENSE_WEIGHTS, VECTOR),
    "difference": ([*DENSE, node("Tanh", ["c"], "s"), node("Sub", ["s", "c"])], DENSE_WEIGHTS, VECTOR),
    "largest": ([*DENSE, node("Tanh", ["c"], "s"), node("Max", ["s", "c"])], DENSE_WEIGHTS, VECTOR),
    "scaled": ([*DENSE, node("Mul", ["c", "k"])], [*DENSE_WEIGHTS, constant("k", 8)], VECTOR),
    "shifted_image": ([node("Sub", ["k", "x"])], [constant("k", 3, 1, 1)], IMAGE),
    "shifted_pixels": ([node("Add", ["x", "k"])], [constant("k", 3, 6, 6)], IMAGE),
    "batch_normalization": (
        [node("BatchNormalization", ["x", "g", "b", "m", "v"])],
        [constant("g", 3), constant("b", 3), constant("m", 3), numpy_helper.from_array(np.ones(3, np.float32), "v")],
        IMAGE,
    ),
    "prelu": ([CONV, node("PRelu", ["c", "k"])], [*CONV_WEIGHTS, constant("k", 4, 1, 1)], IMAGE),
    "leaky_relu": ([*DENSE, node("LeakyRelu", ["c"], alpha=0.2)], DENSE_WEIGHTS, VECTOR),
    "elu": ([*DENSE, node("Elu", ["c"], alpha=0.5)], DENSE_WEIGHTS, VECTOR),
    "softplus": ([*DENSE, node("Softplus", ["c"])], DENSE_WEIGHTS, VECTOR),
    "softsign": ([*DENSE, node("Softsign", ["c"])], DENSE_WEIGHTS, VECTOR),
    "softmax": ([*DENSE, node("Softmax", ["c"])], DENSE_WEIGHTS, VECTOR),
}
# hls4ml's tables have 1,024 entries: softsign's and softplus's span -8..8, a step of 1/64; the others are exact but
# for the last bits of 16.
TABLES = {"gate": 0.02, "difference": 0.02, "largest": 0.02, "elu": 0.02, "softplus": 0.02, "softsign": 0.02,
          "softmax": 0.02, "flatten_activation_gemm": 0.1}  # fmt: skip


def quantised(source: bytes, shape: tuple[int, ...]) -> ir.Model:
    calibration = np.random.default_rng(1).normal(size=(64, *shape)).astype(np.float32)
    return compress(load(source), "fixed16", calibration=calibration).model


def lowered(model: ir.Model, io: Io = "io_stream", **options: object) -> Design:
    return lower(model, name="network", board_part="xc7z020clg400-1", clock_ns=10, io=io, **options)  # type: ignore[arg-type]


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    return np.moveaxis(array, 1, -1) if array.ndim > 2 else array


def reference(model: ir.Model, x: NDArray[Any]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("io", ["io_stream", "io_parallel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_operator_keeps_its_meaning(name: str, io: Io) -> None:
    nodes, constants, shape = NETWORKS[name]
    model = quantised(model_of(nodes, constants, shape), shape)
    design = lowered(model, io)
    x = np.random.default_rng(2).normal(size=(16, *shape)).astype(np.float32)
    expected = channels_last(reference(model, x))
    tolerance = TABLES.get(name, 2.0 ** -(design.tensors[design.outputs[0]].type.fraction - 1))
    np.testing.assert_allclose(design.predict(channels_last(x)), expected, atol=tolerance, rtol=0)


def test_a_flattened_stream_is_packed_anew_for_an_activation() -> None:
    """hls4ml's own flattening keeps the packs, and its Activation then reads beyond them."""
    nodes, constants, shape = NETWORKS["flatten_activation_gemm"]
    design = lowered(quantised(model_of(nodes, constants, shape), shape))
    x = np.random.default_rng(3).normal(size=(5, *design.tensors[design.inputs[0]].shape))
    np.testing.assert_array_equal(design.run(x), design.firmware().run(x))


def test_flattening_before_a_matmul_moves_no_value() -> None:
    nodes, constants, shape = NETWORKS["flatten_activation_gemm"]
    kinds = [layer.kind for layer in lowered(quantised(model_of(nodes, constants, shape), shape)).layers]
    assert "Transpose" not in kinds
    assert "Dense" in kinds


@pytest.mark.parametrize("io", ["io_stream", "io_parallel"])
def test_firmware_has_the_shapes_of_its_design(io: Io) -> None:
    nodes = [node("Relu", ["x"], "r"), node("Flatten", ["r"])]
    design = lowered(quantised(model_of(nodes, [], (2, 3, 4)), (2, 3, 4)), io)
    x = np.random.default_rng(0).standard_normal((5, *design.tensors[design.inputs[0]].shape))
    firmware = design.firmware()
    expected, found = design.run(x), firmware.run(x)
    assert isinstance(expected, np.ndarray)
    assert isinstance(found, np.ndarray)
    assert expected.shape == (5, 24)
    np.testing.assert_array_equal(found, expected)
    assert np.shape(firmware.predict(x)) == (5, 24)


def test_a_layer_knows_the_nodes_it_computes() -> None:
    design = lowered(quantised(model_of([*DENSE, node("Relu", ["c"])], DENSE_WEIGHTS, VECTOR), VECTOR))
    assert [layer.onnx_nodes for layer in design.layers if layer.kind == "Dense"] == [("MatMul_m", "Add_c")]
    assert [design.tensors[name].onnx_name for name in design.inputs] == ["x"]


HOSTILE = ['a"b', "int", "../../x", "two\nlines", "with space", "ütf", "class", "%s{}", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_never_reach_the_firmware(name: str) -> None:
    """hls4ml writes names into C++ and file names as they are, so none of the network's may get there."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], [f"m{name}"], name=name),
        helper.make_node("Relu", [f"m{name}"], [f"y{name}"], name=f"{name}2"),
    ]
    model = load(model_of(nodes, [constant("w", 12, 8)], VECTOR, output=f"y{name}"))
    design = lower(
        model, name=name, board_part="xc7z020clg400-1", clock_ns=10, io="io_parallel", precision=FixedType(16, 6)
    )
    for layer in design.graph.get_layers():
        assert layer.name.isidentifier() and layer.name.isascii()
    assert design.graph.config.get_project_name().isidentifier()


def test_a_uniform_precision_is_everywhere() -> None:
    model = load(model_of([*DENSE, node("Relu", ["c"])], DENSE_WEIGHTS, VECTOR))
    kind = FixedType(12, 5)
    design = lowered(model, precision=kind)
    assert {tensor.type for tensor in design.tensors.values()} == {kind}
    (dense,) = [layer for layer in design.layers if layer.kind == "Dense"]
    assert dense.attributes["accum_t"] == kind
    assert {weight.type for weight in dense.weights.values()} == {kind}


def test_weights_behind_a_qonnx_quant_are_constants() -> None:
    def quant(source: str, output: str, scale: str) -> onnx.NodeProto:
        return helper.make_node(
            "Quant", [source, scale, "zero", "bits"], [output], f"quant_{output}", domain="qonnx.custom_op.general"
        )

    scalars = {"zero": 0.0, "bits": 6.0, "wide": 0.125, "fine": 0.0625}
    constants = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in scalars.items()]
    nodes = [
        quant("x", "xq", "wide"),
        quant("w", "wq", "fine"),
        node("MatMul", ["xq", "wq"], "m"),
        quant("m", "y", "wide"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in (("x", 6), ("y", 4))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], [constant("w", 6, 4), *constants])
    domains = [helper.make_opsetid("", 21), helper.make_opsetid("qonnx.custom_op.general", 1)]
    source = helper.make_model(graph, opset_imports=domains, ir_version=10)
    design = lowered(load(source.SerializeToString()))
    weights = numpy_helper.to_array(source.graph.initializer[0]).astype(np.float64)
    x = np.random.default_rng(3).normal(size=(50, 6))

    def rounded(values: NDArray[Any], scale: float) -> NDArray[Any]:
        return np.asarray(np.clip(np.round(values / scale), -32, 31) * scale)

    expected = rounded(rounded(x, 0.125) @ rounded(weights, 0.0625), 0.125)
    np.testing.assert_array_equal(design.predict(x), expected)


def test_a_model_without_types_is_refused() -> None:
    with pytest.raises(ModelError, match="compress the model first"):
        lowered(load(model_of(DENSE, DENSE_WEIGHTS, VECTOR, output="c")))


@pytest.mark.parametrize(
    ("nodes", "constants", "shape", "reason"),
    [
        ([node("Erf", ["x"])], [], VECTOR, "operator Erf"),
        ([node("MatMul", ["x", "w"])], [constant("w", 6, 4)], IMAGE, "not (batch, features)"),
        ([node("Conv", ["x", "w"], dilations=[2, 2])], [constant("w", 4, 3, 2, 2)], IMAGE, "dilation"),
        ([node("Conv", ["x", "w"], group=3)], [constant("w", 6, 1, 2, 2)], IMAGE, "groups"),
        ([node("MaxPool", ["x"], kernel_shape=[3, 3], strides=[1, 1])], [], IMAGE, "io_parallel only"),
        ([node("Softmax", ["x"], axis=1)], [], IMAGE, "Softmax other than"),
        ([node("Resize", ["x", "", "s"], mode="linear")],
         [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s")], IMAGE, "nearest"),
        ([node("Pad", ["x", "p"], mode="edge")], [integers("p", [0, 0, 1, 1, 0, 0, 1, 1])], IMAGE, "mode"),
        ([node("Transpose", ["x"], perm=[1, 0, 2, 3])], [], IMAGE, "batch"),
    ],
)  # fmt: skip
def test_what_cannot_be_lowered_says_why(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], shape: tuple[int, ...], reason: str
) -> None:
    model = load(model_of(nodes, constants, shape))
    assert reason in supports(next(iter(model.graph)))
    with pytest.raises(ModelError, match="cannot be lowered"):
        lowered(model, precision=FixedType(16, 6))


def test_reuse_factors_are_checked_not_corrected() -> None:
    model = load(model_of(DENSE, DENSE_WEIGHTS, VECTOR, output="c"))
    design = lowered(model, precision=FixedType(16, 6), choices=Choice("resource", 4))
    (dense,) = [layer for layer in design.layers if layer.kind == "Dense"]
    assert (dense.strategy, dense.reuse_factor) == ("resource", 4)
    for factor in (0, 5, 100_000):
        with pytest.raises(InputError, match="nearest valid one is"):
            lowered(model, precision=FixedType(16, 6), choices=Choice("resource", factor))


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lowered(load(model_of(DENSE, DENSE_WEIGHTS, VECTOR, output="c")), precision=FixedType(16, 6))
    assert capsys.readouterr().out == ""
