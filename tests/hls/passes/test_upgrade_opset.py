from typing import Any

import onnx
import onnx_ir as ir
import pytest

from weft.boards.errors import ModelError
from weft.hls.passes.infer_shapes import InferShapesPass
from weft.hls.passes.upgrade_opset import TARGET_IR, TARGET_OPSET, UpgradeOpsetPass


def _versioned(build: Any, opset: int) -> ir.Model:
    model: ir.Model = build("(float[N,4,5] x) => (float[N,4,5] y) { y = Softmax<axis=1>(x) }")
    model.graph.opset_imports[""] = opset
    model.ir_version = 7
    return model


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 13, 20])
def test_older_models_are_converted(build: Any, keeps_values: Any, opset: int) -> None:
    result = keeps_values(_versioned(build, opset), UpgradeOpsetPass())  # Softmax meant another thing before 13
    assert result.graph.opset_imports[""] == TARGET_OPSET
    assert result.ir_version == TARGET_IR


def test_a_size_that_the_converter_infers_is_kept(build: Any, keeps_values: Any) -> None:
    """PyTorch's exporter names such dimensions after the node that it knew them of no more."""
    model: ir.Model = build("(float[N,4] x) => (float[N,Softmax_dim_1] y) { y = Softmax<axis=1>(x) }")
    model.graph.opset_imports[""] = 17
    result = keeps_values(model, UpgradeOpsetPass())
    assert result.graph.opset_imports[""] == TARGET_OPSET
    assert result.graph.outputs[0].shape is not None
    assert result.graph.outputs[0].shape[1] == 4


def test_newer_ones_stay_as_they_are(build: Any, keeps_values: Any) -> None:
    assert keeps_values(_versioned(build, 23), UpgradeOpsetPass()).graph.opset_imports[""] == 23


def test_an_opset_from_the_future_is_refused(build: Any) -> None:
    with pytest.raises(ModelError, match="opset 99, newer than"):
        UpgradeOpsetPass().call(_versioned(build, 99))


def test_a_scan_over_batches_stays_as_it_is() -> None:
    """Scan had a batch axis until opset 8, which onnx's converter takes off the network's inputs."""
    proto = onnx.parser.parse_model(
        """<ir_version: 3, opset_import: ["" : 8]>
        net (float[1,2] initial, float[1,3,2] x) => (float[1,2] y, float[1,3,2] z) {
            y, z = Scan ("", initial, x) <num_scan_inputs = 1, body = sums (float[2] s, float[2] next)
                => (float[2] sum, float[2] out) { sum = Add (s, next)  out = Identity (sum) }>
        }"""
    )
    result = UpgradeOpsetPass()(ir.from_proto(proto)).model
    assert result.graph.opset_imports[""] == 8
    assert [list(value.shape or ()) for value in result.graph.inputs] == [[1, 2], [1, 3, 2]]


def test_sequences_stay_sequences() -> None:
    proto = onnx.parser.parse_model(
        """<ir_version: 7, opset_import: ["" : 12]>
        net (float[2,4] x, int64 i) => (float[1,4] y) { s = SplitToSequence (x)  y = SequenceAt (s, i) }"""
    )
    for rewrite in (UpgradeOpsetPass(), InferShapesPass()):
        result = rewrite(ir.from_proto(proto)).model
        assert next(iter(result.graph)).outputs[0].type is None
