from typing import Any

import onnx_ir as ir
import pytest

from weft.boards.errors import ModelError
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


def test_newer_ones_stay_as_they_are(build: Any, keeps_values: Any) -> None:
    assert keeps_values(_versioned(build, 23), UpgradeOpsetPass()).graph.opset_imports[""] == 23


def test_an_opset_from_the_future_is_refused(build: Any) -> None:
    with pytest.raises(ModelError, match="opset 99, newer than"):
        UpgradeOpsetPass().call(_versioned(build, 99))
