"""Small networks with seeded weights, as a user's exporter would write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from builder import Builder
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def mlp_proto(seed: int = 0) -> onnx.ModelProto:
    return Builder((16,), seed).dense(16, 12).node("Relu").dense(12, 5).proto(5)


def cnn_proto() -> onnx.ModelProto:
    net = Builder((2, 6, 6)).conv(2, 4).node("Relu").node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    return net.node("Flatten").dense(36, 5).proto(5)


def mixed_proto() -> onnx.ModelProto:
    """Erf, which hls4ml has no kernel for, in the middle; the second half has more work."""
    net = Builder((16,)).dense(16, 12, name='a "quoted" name').node("Erf", name="../erf\n")
    return net.dense(12, 24, name="int").node("Relu", name="class").dense(24, 5).proto(5)


@pytest.fixture(scope="session")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(mlp_proto(), tmp_path_factory.mktemp("mlp") / "mlp.onnx")


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(cnn_proto(), tmp_path_factory.mktemp("cnn") / "cnn.onnx")


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(mixed_proto(), tmp_path_factory.mktemp("mixed") / "mixed.onnx")


@pytest.fixture(scope="session")
def samples() -> Floats:
    return np.random.default_rng(1).normal(0, 1, (40, 16)).astype(np.float32)


def _saved(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path
