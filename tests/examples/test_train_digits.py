"""The digits networks: the split they share, what the committed files score, and that the scripts make them again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

pytest.importorskip("sklearn")

from digits_data import flatten, load_split

NETWORKS = {"digits_cnn": ("N", 1, 8, 8), "digits_mlp": ("N", 64)}
MULTIPLIERS = {"digits_cnn": 3592, "digits_mlp": 3392}  # FACTS.md's 1-8-16-64-32-10, and 64-32-32-10


def score(path: Path) -> float:
    """The fraction of the test images that ONNX Runtime classifies right, one at a time agreeing with all at once."""
    _, _, images, labels = load_split()
    x = flatten(images) if path.stem == "digits_mlp" else images
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probabilities = np.asarray(session.run(["probabilities"], {"x": x})[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    single = np.asarray(session.run(["probabilities"], {"x": x[:1]})[0])
    np.testing.assert_allclose(single, probabilities[:1], rtol=1e-4, atol=1e-6)
    return float((probabilities.argmax(axis=1) == labels).mean())


def retrain(repository: Path, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(repository / "examples" / f"train_{name}.py"), *map(str, arguments)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def check_file(path: Path, name: str) -> None:
    """One small, self-contained file with the stated ends, and nothing in it of the machine that made it."""
    data = path.read_bytes()
    assert len(data) < 60_000
    model = onnx.load_model_from_string(data)
    for trace in ("/", ".py", "metadata_props", "doc_string", "external_data"):
        assert trace not in text_of(model), trace
    onnx.checker.check_model(model, full_check=True)
    assert next(entry.version for entry in model.opset_import if entry.domain == "") >= 17
    (x,), (y,) = model.graph.input, model.graph.output
    assert (x.name, y.name) == ("x", "probabilities")
    assert tuple(d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim) == NETWORKS[name]
    assert tuple(d.dim_param or d.dim_value for d in y.type.tensor_type.shape.dim) == ("N", 10)
    assert model.graph.node[-1].op_type == "Softmax"
    weights = [list(weight.dims) for weight in model.graph.initializer if weight.data_type == onnx.TensorProto.FLOAT]
    assert sum(int(np.prod(dims)) for dims in weights if len(dims) > 1) == MULTIPLIERS[name]


def text_of(model: onnx.ModelProto) -> str:
    """Every field of the file but the arrays, whose bytes may spell anything."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for weight in bare.graph.initializer:
        weight.ClearField("raw_data")
    return str(bare)


def test_split_is_fixed_stratified_and_disjoint() -> None:
    x_train, y_train, x_test, y_test = load_split()
    assert (x_train.shape, x_test.shape) == ((1347, 1, 8, 8), (450, 1, 8, 8))
    assert [part.dtype.name for part in load_split()] == ["float32", "int64", "float32", "int64"]
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert np.abs(np.bincount(y_train) / 1347 - np.bincount(y_test) / 450).max() < 0.002
    together = np.concatenate([flatten(x_train), flatten(x_test)])
    assert len(np.unique(together, axis=0)) == 1797
    # With another split a committed network would have seen test images.
    digest = hashlib.sha256(y_train.tobytes() + y_test.tobytes()).hexdigest()
    assert digest == "8c59e3efbbe86f35d83460f0cde148505333b84ab45d3033dc65c4942fc5b6ad"


@pytest.mark.parametrize("name", NETWORKS)
def test_committed_file(repository: Path, name: str) -> None:
    path = repository / "examples" / f"{name}.onnx"
    check_file(path, name)
    assert score(path) >= 0.97


@pytest.mark.parametrize("name", NETWORKS)
def test_script_retrains_it(repository: Path, name: str, tmp_path: Path) -> None:
    for extra in ("torch", "onnxscript"):
        pytest.importorskip(extra)
    out = tmp_path / f"{name}.onnx"
    done = retrain(repository, name, out)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    check_file(out, name)
    found = score(out)
    assert found >= 0.97
    assert done.stdout.startswith(f"{found:.2%} ")


def test_missing_folder_is_said_before_training(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = retrain(repository, "digits_mlp", tmp_path / "none" / "out.onnx")
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert not list(tmp_path.iterdir())


def test_network_under_97_percent_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained network: the loop is given no epoch."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    import digits_training
    from torch import nn

    def leave(network: nn.Sequential, *_: object) -> None:
        network.eval()

    monkeypatch.setattr(digits_training, "train", leave)
    monkeypatch.setattr(sys, "argv", ["train", str(tmp_path / "out.onnx")])
    torch.manual_seed(0)
    assert digits_training.main(nn.Sequential(nn.Linear(64, 10)), (64,), tmp_path / "unused.onnx", "about") == 1
    assert not list(tmp_path.iterdir())
