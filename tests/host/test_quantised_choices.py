"""`min_accuracy`: which types a plan gets, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")
pytest.importorskip("sklearn")

from builder import Builder
from digits_data import flatten, load_split

import weft
from weft.boards.errors import InputError
from weft.hls.quantised import is_quantised
from weft.host.accuracy import Accuracy
from weft.host.build import open_build
from weft.host.plan import Plan
from weft.host.quantised_choices import read_goal

Array = NDArray[Any]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    """`evaluation` and `calibration` of the MLP."""
    train, _, test, labels = load_split()
    return {"evaluation": {"x": flatten(test), "labels": labels}, "calibration": flatten(train)}


def accuracy(plan: Plan) -> Accuracy:
    assert plan.accuracy is not None
    return plan.accuracy


def test_eight_bits_are_taken_where_they_are_enough(digits: dict[str, Any]) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.97, **digits)
    found, region = accuracy(plan), plan.fpga_region
    assert found.recipe in ("fixed8", "int8")
    assert found.metric == "accuracy"
    assert found.samples == 450
    assert found.reference == pytest.approx(0.98)
    assert region is not None
    assert region.design is not None
    evaluated = digits["evaluation"]
    answers = np.asarray(region.design.run(evaluated["x"]))
    assert found.value == (answers.argmax(1) == evaluated["labels"]).mean() >= 0.97
    assert is_quantised(plan.model)
    assert plan.notes[0] == f"{found}."
    assert "float 98.00%" in plan.notes[1]


def test_the_plan_says_it_in_its_table_and_its_json(digits: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.9, **digits)
    assert str(accuracy(plan)) in str(plan.table().title)
    assert Accuracy.from_json(json.loads(json.dumps(plan.to_json()))["accuracy"]) == plan.accuracy
    assert "accuracy" not in weft.plan(DIGITS, board="pynq-z2", devices="cpu").to_json()


def test_a_build_keeps_it(digits: dict[str, Any], tmp_path: Path) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.9, **digits)
    weft.build(plan, tmp_path / "digits")
    assert open_build(tmp_path / "digits").plan.accuracy == plan.accuracy


def test_float_is_taken_where_no_fpga_pays(digits: dict[str, Any]) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", objective="latency", min_accuracy=0.97, **digits)
    assert accuracy(plan).recipe == "float"
    assert accuracy(plan).value == accuracy(plan).reference
    assert [region.device for region in plan.regions] == ["cpu"]
    assert not is_quantised(plan.model)
    best = min(
        weft.plan(weft.compress(DIGITS, recipe, calibration=digits["calibration"]), board="pynq-z2",
                  objective="latency").value
        for recipe in ("fixed8", "int8", "fixed16")
    )  # fmt: skip
    assert plan.value <= best


def test_sixteen_bits_where_eight_are_too_few() -> None:
    """Of forty classes of a random network the two best are often closer than 8 bits can tell."""
    x = np.random.default_rng(0).normal(0, 1, (200, 16)).astype(np.float32)
    model = Builder((16,)).dense(16, 12).node("Relu").dense(12, 40).proto(40)
    plan = weft.plan(model, board="pynq-z2", min_accuracy=0.99, evaluation=x[:100], calibration=x[100:])
    assert "16" in accuracy(plan).recipe
    assert accuracy(plan).metric == "agreement"
    assert any("fixed8" in note and "int8" in note for note in plan.notes)


def test_some_layers_at_sixteen_bits_where_all_would_cost_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))  # no profile of this machine: energy counts its watts
    x = np.random.default_rng(0).normal(0, 1, (600, 16)).astype(np.float32)
    model = Builder((16,)).dense(16, 12).node("Relu").dense(12, 24).node("Relu").dense(24, 40).proto(40)
    wish: dict[str, Any] = {"board": "pynq-z2", "devices": "fpga", "objective": "energy"}
    plan = weft.plan(model, min_accuracy=0.975, evaluation=x[:400], calibration=x[400:], **wish)
    assert accuracy(plan).recipe.startswith("fixed8 with MatMul_")
    wide, narrow = (
        weft.plan(weft.compress(model, recipe, calibration=x[400:]), **wish).value for recipe in ("fixed16", "fixed8")
    )
    assert narrow <= plan.value < wide
    region = plan.fpga_region
    assert region is not None
    assert region.design is not None
    assert {tensor.type.width for tensor in region.design.tensors.values()} >= {8, 16}


def test_what_no_types_reach_is_an_error_with_the_best(digits: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"min_accuracy 0\.999: the best is .*: 98\.\d\d% of 450 samples"):
        weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.999, **digits)


def test_types_that_are_given_are_measured_and_kept(digits: dict[str, Any]) -> None:
    small = weft.compress(DIGITS, "int8", calibration=digits["calibration"])
    plan = weft.plan(small, board="pynq-z2", min_accuracy=0.9, **digits)
    assert accuracy(plan).recipe == "own types"
    coarse: dict[str, Any] = {"precision": "fixed<4,2>", "devices": "fpga"}
    with pytest.raises(InputError, match=r"the best is fixed<4,2>: .*the network given: 98\.00%"):
        weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.97, **coarse, **digits)


def test_without_an_fpga_there_is_nothing_to_choose(digits: dict[str, Any]) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", devices="cpu", min_accuracy=0.98, **digits)
    assert len(plan.notes) == 1
    assert accuracy(plan).recipe == "float"
    assert plan.regions[0].reason == "the CPU is the only device that was asked for"


def test_data_for_one_purpose_serves_both_and_the_plan_says_so(digits: dict[str, Any]) -> None:
    for name in ("evaluation", "calibration"):
        plan = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.9, **{name: digits["calibration"]})
        assert accuracy(plan).metric == "agreement"
        assert any("calibrated on the samples that were evaluated" in note for note in plan.notes)
    apart = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.9, **digits)
    assert not any("calibrated on the samples" in note for note in apart.notes)


@pytest.mark.parametrize("least", [0.0, -1.0, 1.01, float("nan")])
def test_a_share_is_between_nothing_and_all(least: float) -> None:
    with pytest.raises(InputError, match="min_accuracy is a share"):
        read_goal(weft.load(DIGITS), least, None, None)


def test_accuracy_needs_data_and_data_a_wish() -> None:
    x = np.zeros((4, 64), np.float32)
    with pytest.raises(InputError, match="give evaluation"):
        weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.9)
    with pytest.raises(InputError, match="give min_accuracy"):
        weft.plan(DIGITS, board="pynq-z2", evaluation=x)


def test_limits_and_accuracy_together(digits: dict[str, Any]) -> None:
    plan = weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.97, max_latency_ms=0.9, **digits)
    assert [region.device for region in plan.regions] == ["cpu"]
    with pytest.raises(InputError, match="no plan keeps the limits"):
        weft.plan(DIGITS, board="pynq-z2", min_accuracy=0.97, max_latency_ms=1e-6, **digits)
