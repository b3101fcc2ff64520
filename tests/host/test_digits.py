"""The example networks: planned, run on the virtual board, and compared with ONNX Runtime on the quantised model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")
pytest.importorskip("sklearn")

import onnxruntime as ort

import weft

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

from digits_data import flatten, load_split


@pytest.mark.parametrize(("name", "flat"), [("digits_cnn", False), ("digits_mlp", True)])
def test_the_main_job(name: str, flat: bool) -> None:
    train, _, test, labels = load_split()
    if flat:
        train, test = flatten(train), flatten(test)
    small = weft.compress(EXAMPLES / f"{name}.onnx", "fixed8", calibration=train)
    plan = weft.plan(small, board="pynq-z2")
    region = plan.fpga_region
    assert region is not None
    assert plan.regions == (region,)
    assert region.design is not None
    assert region.report is not None
    assert region.report.fits
    with weft.Session(plan) as session:
        (argument,) = session.get_inputs()
        (answers,) = session.run(None, {argument.name: test})
        assert session.last_run is not None
        assert session.last_run.regions[0].device == "fpga"

    # The board's integers are the design's.
    images = np.moveaxis(test, 1, -1) if test.ndim == 4 else test
    raw = region.design.run(images)
    output = region.design.tensors[region.design.outputs[0]].type
    np.testing.assert_array_equal(output.quantise(answers), raw)

    # They are those of the compiled C++ too: through weft's top, and as hls4ml itself simulates.
    firmware = region.design.firmware()
    np.testing.assert_array_equal(firmware.run(images), raw)
    np.testing.assert_array_equal(output.quantise(np.asarray(firmware.predict(images))), raw)

    # And they say what ONNX Runtime says of the same quantised network.
    quantised = ort.InferenceSession(ir.to_proto(small.model).SerializeToString(), providers=["CPUExecutionProvider"])
    expected = np.asarray(quantised.run(None, {argument.name: test})[0])
    assert (answers.argmax(1) == expected.argmax(1)).mean() >= 0.99
    float32 = ort.InferenceSession(str(EXAMPLES / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    reference = np.asarray(float32.run(None, {argument.name: test})[0])
    before, after = ((scores.argmax(1) == labels).mean() for scores in (reference, answers))
    assert before >= 0.97
    assert after >= before - 0.01
