"""ONNX's Backend interface, on a sample of ONNX's own tests and on what only users of it ask."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import onnx
import pytest
from backend_suite import PASSED, RuntimeAlone, outcomes
from onnx import TensorProto, helper

import weft
from weft.boards.errors import InputError, ModelError

# Where weft's own passes could break what ONNX Runtime runs: values that are no tensors, strings, subgraphs, empty
# and scalar shapes, and old operators.
DELICATE = ("sequence", "optional", "_if_", "loop", "scan", "string", "identity", "constant", "reshape", "dropout")


def sampled(name: str) -> bool:
    return any(word in name for word in DELICATE) or crc32(name.encode()) % 20 == 0


def test_what_onnx_runtime_passes_passes_here() -> None:
    alone, ours = outcomes(RuntimeAlone, sampled), outcomes(weft.backend.WeftBackend, sampled)
    assert alone.keys() == ours.keys()
    passed = [name for name, how in alone.items() if how == PASSED]
    assert len(passed) >= 150
    assert {name: ours[name] for name in passed if ours[name] != PASSED} == {}


def relu() -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


X = np.array([[-1, 0, 2]], np.float32)


def test_arrays_come_in_order_by_name_or_alone() -> None:
    prepared = weft.backend.prepare(relu(), threads=1)
    for inputs in ([X], (X,), {"x": X}, X):
        outputs = prepared.run(inputs)
        np.testing.assert_array_equal(outputs[0], [[0, 0, 2]])
    (again,) = weft.backend.run_model(relu(), [X], "cpu")
    np.testing.assert_array_equal(again, [[0, 0, 2]])


def test_one_node() -> None:
    node = helper.make_node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2)
    a, b = weft.backend.run_node(node, [X])
    np.testing.assert_array_equal(a, X[:, :2])
    np.testing.assert_array_equal(b, X[:, 2:])
    info = [(np.dtype(np.float32), (1, 3))]
    (old,) = weft.backend.run_node(
        helper.make_node("Relu", ["x"], ["y"]), {"x": X}, outputs_info=info, opset_version=14
    )
    np.testing.assert_array_equal(old, [[0, 0, 2]])
    clip = helper.make_node("Clip", ["x", "", "highest"], ["y"])  # an input that is left out
    (clipped,) = weft.backend.run_node(clip, [X, np.array(1, np.float32)])
    np.testing.assert_array_equal(clipped, [[-1, 0, 1]])
    gelu = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    (foreign,) = weft.backend.run_node(gelu, [X], outputs_info=info)
    np.testing.assert_allclose(foreign, [[-0.158655, 0, 1.954500]], atol=1e-5)
    labels = helper.make_node(
        "LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["a", "b"], values_int64s=[3, 4]
    )
    (encoded,) = weft.backend.run_node(labels, [np.array(["b", "a"], object)])
    np.testing.assert_array_equal(encoded, [4, 3])


def test_devices() -> None:
    supports = weft.backend.supports_device
    assert supports("CPU")
    assert supports("fpga,cpu")
    assert not supports("CUDA")
    assert not supports("")
    assert weft.backend.on("fpga,cpu").devices == "fpga,cpu"
    with pytest.raises(InputError, match="'gpu'"):
        weft.backend.on("gpu")
    with pytest.raises(InputError, match="'CUDA'"):
        weft.backend.prepare(relu(), "CUDA")


def test_what_does_not_fit() -> None:
    prepared = weft.backend.prepare(relu(), threads=1)
    with pytest.raises(InputError, match="2 arrays were given for 1 inputs"):
        prepared.run([X, X])
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        prepared.run([X[:, :2]])
    with pytest.raises(ModelError):
        weft.backend.prepare(onnx.ModelProto())
