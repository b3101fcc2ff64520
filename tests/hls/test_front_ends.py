"""Designs read off ModelGraphs that hls4ml made from PyTorch, QONNX, Keras 3 and HGQ2, against their compiled C++."""

from __future__ import annotations

import contextlib
import io as text_io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from weft.hls.design import Design

pytest.importorskip("hls4ml")
from exactness import assert_exact, kinds_of

BOTH = ["io_parallel", "io_stream"]


def read(convert: Any, *given: Any, **options: Any) -> Design:
    """hls4ml prints as it converts, and notes what it corrects."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(text_io.StringIO()):
        warnings.simplefilter("ignore")
        return Design.from_hls4ml(convert(*given, backend="Vitis", **options))


@pytest.mark.parametrize("io", BOTH)
def test_pytorch(io: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from hls4ml.converters import convert_from_pytorch_model
    from hls4ml.utils.config import config_from_pytorch_model

    torch.manual_seed(0)
    nn = torch.nn
    image = [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2)]
    network = nn.Sequential(*image, nn.Flatten(), nn.Linear(12, 5), nn.Sigmoid()).eval()
    config = config_from_pytorch_model(network, (2, 6, 6), granularity="name", channels_last_conversion="full")
    options = {"output_dir": str(tmp_path), "project_name": f"torch_{io}", "io_type": io}
    design = read(convert_from_pytorch_model, network, hls_config=config, **options)
    assert {"Conv2D", "Pooling2D", "Dense", "Activation"} <= kinds_of(design)
    assert_exact(design, 0)


@pytest.mark.parametrize("io", BOTH)
def test_keras(io: str, tmp_path: Path) -> None:
    keras = keras_on_torch()
    from hls4ml.converters import convert_from_keras_model
    from hls4ml.utils.config import config_from_keras_model

    layers = keras.layers
    data = keras.Input((8, 4))
    sequence = layers.Conv1D(3, 3, activation="elu")(data)
    sequence = layers.MaxPooling1D(2)(sequence)
    last = layers.GRU(3, reset_after=True)(sequence)
    network = keras.Model(data, layers.Dense(4, activation="softmax")(last))
    config = config_from_keras_model(network, granularity="name", backend="Vitis")
    options = {"output_dir": str(tmp_path), "project_name": f"keras_{io}", "io_type": io}
    design = read(convert_from_keras_model, network, hls_config=config, **options)
    assert {"Conv1D", "Pooling1D", "GRU", "Softmax"} <= kinds_of(design)
    assert_exact(design, 0)


@pytest.mark.parametrize("strategy", ["latency", "distributed_arithmetic"])
def test_hgq2(strategy: str, tmp_path: Path) -> None:
    """Quantisers with a type for every value, which distributed arithmetic takes into its products."""
    keras = keras_on_torch()
    hgq = pytest.importorskip("hgq")
    from hgq.layers import QDense
    from hls4ml.converters import convert_from_keras_model

    with hgq.config.LayerConfigScope(enable_ebops=False):
        data = keras.Input((6,))
        network = keras.Model(data, QDense(3)(QDense(5, activation="relu")(data)))
    random = np.random.default_rng(0)
    vary(network, random)
    network(random.normal(size=(64, 6)).astype(np.float32), training=True)  # ranges are seen in training
    options = {"output_dir": str(tmp_path), "project_name": f"hgq2_{strategy}", "io_type": "io_parallel"}
    config = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": strategy}}
    design = read(convert_from_keras_model, network, hls_config=config, **options)
    fused = any("quantiser" in layer.weights for layer in design.layers if layer.kind == "Dense")
    assert fused == (strategy == "distributed_arithmetic")
    assert ("FixedPointQuantizer" in kinds_of(design)) != fused
    assert_exact(design, 0)


def keras_on_torch() -> Any:
    pytest.importorskip("torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    return keras


def vary(network: Any, random: np.random.Generator) -> None:
    """Give the values that enter each layer bits of their own, as training would."""
    for layer in network.layers:
        for variable in getattr(getattr(layer, "iq", None), "variables", ()):
            if variable.name in ("f", "b"):
                variable.assign(random.integers(2, 6, variable.shape))


@pytest.mark.parametrize("io", BOTH)
def test_qonnx(io: str, tmp_path: Path) -> None:
    """A weight's scale that is no power of two becomes an ApplyAlpha."""
    pytest.importorskip("qonnx")
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(ModelWrapper(quantised_mlp()))
    config = config_from_onnx_model(model, granularity="name", backend="Vitis")
    options = {"output_dir": str(tmp_path), "project_name": f"qonnx_{io}", "io_type": io}
    design = read(convert_from_onnx_model, model, hls_config=config, **options)
    assert {"Dense", "ApplyAlpha", "Activation"} <= kinds_of(design)
    assert_exact(design, 0)


def quantised_mlp() -> onnx.ModelProto:
    """6-5-3 with QONNX's Quant around every value and weight."""
    random = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), f"c{len(constants)}"))
        return str(constants[-1].name)

    def node(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def quant(value: str, scale: float, bits: int) -> str:
        said = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", "domain": "qonnx.custom_op.general"}
        return node("Quant", value, *map(constant, (scale, 0, bits)), **said)

    value = quant("x", 2**-4, 8)
    for n_in, n_out, scale in ((6, 5, 0.1), (5, 3, 2**-3)):
        weight = quant(constant(random.normal(size=(n_in, n_out))), scale, 5)
        value = quant(node("Relu", node("MatMul", value, weight)), 2**-5, 9)
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", (1, 6)), (value, (1, 3)))]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], constants)
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)
