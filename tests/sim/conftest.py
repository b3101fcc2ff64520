"""A real design, its overlay as files, and pynq programs that run against a virtual board."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_designs import dense_design

from weft.boards import load_board
from weft.hls.design import Design
from weft.hls.precision import FixedType
from weft.sim.hwh import write_hwh
from weft.sim.image import pack

RunProgram = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def small() -> Design:
    """A dense layer of 4 to 3 values, made by hand: needs no hls4ml."""
    return dense_design()


@pytest.fixture(scope="session")
def design() -> Design:
    """An MLP of 16 to 5 values, as hls4ml decided it."""
    pytest.importorskip("hls4ml")
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in (("first", (16, 12)), ("second", (12, 5)))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["y"]),
    ]
    return _lowered(nodes, {"x": 16}, {"y": 5}, weights)


@pytest.fixture(scope="session")
def two_streams() -> Design:
    """A sum of two inputs of 6 values, and its ReLU: two streams in, two streams out."""
    pytest.importorskip("hls4ml")
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Relu", ["sum"], ["positive"])]
    return _lowered(nodes, {"a": 6, "b": 6}, {"sum": 6, "positive": 6}, [])


@pytest.fixture(scope="session")
def image() -> Design:
    """A small network of images: convolution, ReLU, pooling, and a Dense layer over all of it."""
    pytest.importorskip("hls4ml")
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in (("w", (3, 2, 3, 3)), ("v", (48, 4)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["y"]),
    ]
    return _lowered(nodes, {"x": (2, 8, 8)}, {"y": 4}, weights)


@pytest.fixture(scope="session")
def residual() -> Design:
    """An image and its 3x3 convolution, added: a clone, a skip and a join of streams."""
    pytest.importorskip("hls4ml")
    weight = np.random.default_rng(0).normal(0, 0.3, (2, 2, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    return _lowered(nodes, {"x": (2, 8, 8)}, {"y": (2, 8, 8)}, [numpy_helper.from_array(weight, "w")])


def _lowered(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, int | tuple[int, ...]],
    outputs: Mapping[str, int | tuple[int, ...]],
    weights: list[onnx.TensorProto],
) -> Design:
    from weft.hls.load import load
    from weft.hls.lower import lower

    ends = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *np.atleast_1d(shape).tolist()])
            for name, shape in each.items()
        ]
        for each in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "net", ends[0], ends[1], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hls4ml's notes
        return lower(load(model), name="net", board_part="xc7z020clg400-1", clock_ns=10.0, precision=FixedType(16, 6))


@pytest.fixture(scope="session")
def write_overlay() -> Callable[..., Path]:
    """Writes the .bin and .hwh of designs (and GPIOs) into a folder, as `weft build` names them; returns the .bin."""

    def write(
        designs: Sequence[Design],
        folder: Path,
        board: str = "pynq-z2",
        clock_ns: float = 10.0,
        gpios: Sequence[str] = (),
    ) -> Path:
        image = pack(designs, board, clock_ns, gpios)
        path = folder / f"net-{sha256(image).hexdigest()[:12]}.bin"
        path.write_bytes(image)
        path.with_suffix(".hwh").write_text(write_hwh(designs, load_board(board), clock_ns, gpios))
        return path

    return write


@pytest.fixture
def run_program(pynq_lock: None, free_address: str, tmp_path: Path) -> RunProgram:
    """Runs a Python program that finds its board by PYNQ_REMOTE_DEVICES."""
    del pynq_lock
    spec = importlib.util.find_spec("pynq")
    assert spec is not None
    assert spec.origin is not None
    # What pynq remembers of the last overlay: an image of equal bytes would get that one's addresses.
    (Path(spec.origin).parent / "pl_server" / "_current_metadata.pkl").unlink(missing_ok=True)

    def run(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "ignore", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYNQ_REMOTE_DEVICES": free_address},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
