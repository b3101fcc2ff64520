"""Networks as PyTorch exports them, ResNet-18 and BERT made narrow, against ONNX Runtime on the exported file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnxruntime as ort
from torch_networks import Exported, bert, exported, images, resnet18, tokens

import weft


def check(network: Exported, batch: int) -> None:
    feeds = {name: np.repeat(value, batch, axis=0) for name, value in network.feeds.items()}
    expected = ort.InferenceSession(str(network.path), providers=["CPUExecutionProvider"]).run(None, feeds)
    with weft.Session(weft.plan(network.path, board="zcu104", devices="cpu"), threads=1) as session:
        results = session.run(None, feeds)
        assert len(results) == len(expected)
        for ours, theirs in zip(results, map(np.asarray, expected), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("batch", [1, 3])
def test_a_narrow_resnet18(tmp_path: Path, batch: int) -> None:
    check(exported(resnet18(width=8, classes=10), images(64), tmp_path, "resnet"), batch)


def test_a_narrow_bert_at_two_lengths(tmp_path: Path) -> None:
    module = bert(layers=2, width=32, heads=4, vocabulary=100)
    network = exported(module, tokens(16, 100), tmp_path, "bert", free_length=True)
    check(network, 2)
    check(Exported(network.path, {"x": tokens(7, 100)}), 1)
