"""Networks as PyTorch exports them, ResNet-18 and BERT made narrow, against ONNX Runtime on the exported file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime as ort
from torch_networks import Exported, bert, exported, images, resnet18, tokens

import weft
from weft.boards.errors import InputError
from weft.hls.quantised import is_quantised

POOLER = 0.02  # of the largest output: hls4ml's tanh is a table in steps of 1/128


def check(network: Exported, batch: int) -> None:
    with weft.Session(weft.plan(network.path, board="zcu104", devices="cpu"), threads=1) as session:
        compare(session, network, batch)


def compare(session: weft.Session, network: Exported, batch: int, tolerance: float = 1e-4) -> None:
    """A session's outputs against ONNX Runtime's on the network as it was planned, within a share of the largest."""
    feeds = {name: np.repeat(value, batch, axis=0) for name, value in network.feeds.items()}
    quantised = is_quantised(session.plan.model)
    model = ir.to_proto(session.plan.model).SerializeToString() if quantised else str(network.path)
    expected = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)
    results = session.run(None, feeds)
    assert len(results) == len(expected)
    for ours, theirs in zip(results, map(np.asarray, expected), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize("batch", [1, 3])
def test_a_narrow_resnet18(tmp_path: Path, batch: int) -> None:
    check(exported(resnet18(width=8, classes=10), images(64), tmp_path, "resnet"), batch)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A narrow BERT with free batch and length."""
    module = bert(layers=1, width=32, heads=4, vocabulary=100)
    return exported(module, tokens(16, 100), tmp_path_factory.mktemp("bert"), "bert", free_length=True)


@pytest.mark.parametrize("devices", ["cpu", "opencl,cpu", "fpga,cpu", "fpga,opencl,cpu"])
def test_a_free_length_runs_at_every_length_and_batch(sentences: Exported, devices: str) -> None:
    """On the FPGA is the pooler, whose input has no length."""
    for part, package in (("opencl", "pyopencl"), ("fpga", "hls4ml"), ("fpga", "pynq")):
        if part in devices:
            pytest.importorskip(package)
    calibration = np.random.default_rng(1).integers(0, 100, (64, 16))
    plan = weft.plan(sentences.path, board="zcu104", devices=devices, calibration=calibration)
    assert {region.device for region in plan.regions} == set(devices.split(","))
    with weft.Session(plan) as session:
        for length, batch in ((16, 1), (7, 3), (33, 2), (1, 1)):
            feeds = Exported(sentences.path, {"x": tokens(length, 100)})
            compare(session, feeds, batch, POOLER if "fpga" in devices else 1e-4)


def test_a_length_that_is_fixed_lets_the_fpga_take_more(sentences: Exported) -> None:
    pytest.importorskip("hls4ml")
    pytest.importorskip("pynq")
    calibration = np.random.default_rng(1).integers(0, 100, (64, 16))
    free = weft.plan(sentences.path, board="zcu104", calibration=calibration)
    fixed = weft.plan(sentences.path, board="zcu104", calibration=calibration, dimensions={"length": 16})
    assert any("give length a size" in note for note in free.notes)
    assert not any("a size" in note for note in fixed.notes)
    gelu = "/encoders/encoders.0/feed/feed.1/Mul"
    on_fpga = [{name for r in plan.regions if r.design for name in r.nodes} for plan in (free, fixed)]
    assert [gelu in names for names in on_fpga] == [False, True]
    with weft.Session(fixed) as session:
        for batch in (1, 3):
            compare(session, sentences, batch, POOLER)
        with pytest.raises(InputError, match=r"shape \(1, 7\), and \(batch, 16\) is needed"):
            session.run(None, {"x": tokens(7, 100)})
