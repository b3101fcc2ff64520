"""Small hls4ml graphs of known types, and whether their firmware agrees with hls4ml's C simulation."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from layer_lists import graph_of
from numpy.typing import NDArray

from weft.hls.firmware import Firmware, compile_firmware
from weft.hls.precision import FixedType

HIDDEN = FixedType(9, 3, signed=False, rounding="RND_CONV", overflow="SAT")


def hls4ml_text(fixed: FixedType) -> str:
    return f"{'' if fixed.signed else 'u'}fixed<{fixed.width},{fixed.integer},{fixed.rounding},{fixed.overflow}>"


def dense_layer(name: str, source: str, n_in: int, n_out: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "class_name": "Dense",
        "name": name,
        "inputs": [source],
        "n_in": n_in,
        "n_out": n_out,
        "weight_data": rng.normal(0, 0.7, (n_in, n_out)),
        "bias_data": rng.normal(0, 0.7, n_out),
        "use_bias": True,
    }


def make_graph(
    layers: list[dict[str, Any]],
    types: dict[str, FixedType],
    outputs: Sequence[str],
    io: str,
    project: str,
) -> Any:
    """An hls4ml ModelGraph; `types` are the layers' results; weights are fixed<8,3>, accumulators fixed<24,12>."""
    other = {"weight": "fixed<8,3>", "bias": "fixed<8,3>", "accum": "fixed<24,12>"}
    names = {
        layer["name"]: {"Precision": {**other, "result": hls4ml_text(types[layer["name"]])}, "Strategy": "Latency"}
        for layer in layers
    }
    return graph_of(project, io, layers, names, list(outputs))


def mlp_graph(io: str, given: FixedType, result: FixedType, project: str = "net", seed: int = 0) -> Any:
    """4x3 inputs (three channels, so that a stream's groups are not the whole sample), two Dense layers."""
    rng = np.random.default_rng(seed)
    layers = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [4, 3]},
        {"class_name": "Reshape", "name": "flat", "inputs": ["x"], "target_shape": [12]},
        dense_layer("first", "flat", 12, 5, rng),
        {"class_name": "Activation", "name": "act", "inputs": ["first"], "activation": "relu", "n_in": 5},
        dense_layer("second", "act", 5, 3, rng),
    ]
    types = {"x": given, "flat": given, "first": FixedType(16, 6), "act": HIDDEN, "second": result}
    return make_graph(layers, types, ["second"], io, project)


def two_port_graph() -> Any:
    """Two inputs of unlike types, two outputs."""
    rng = np.random.default_rng(5)
    layers = [
        {"class_name": "InputLayer", "name": "a", "input_shape": [6]},
        {"class_name": "InputLayer", "name": "b", "input_shape": [6]},
        dense_layer("left", "a", 6, 4, rng),
        dense_layer("right", "b", 6, 2, rng),
    ]
    types = {"a": FixedType(8, 0, False), "b": FixedType(7, 3), "left": FixedType(12, 6), "right": FixedType(33, 8)}
    return make_graph(layers, types, ["left", "right"], "io_parallel", "two_ports")


def values(firmware: Firmware, samples: int, seed: int = 0) -> NDArray[np.float64]:
    rng, port = np.random.default_rng(seed), firmware.inputs[0]
    raw = rng.integers(port.type.minimum, port.type.maximum + 1, (samples, *port.shape))
    return port.type.to_float(raw)


def assert_same(firmware: Firmware, x: NDArray[np.float64]) -> None:
    raw = firmware.run(x)
    assert isinstance(raw, np.ndarray)
    assert raw.dtype == np.int64
    assert raw.shape == (len(x), *firmware.outputs[0].shape)
    expected = np.asarray(firmware.predict(x))
    np.testing.assert_array_equal(raw, np.ldexp(expected, firmware.outputs[0].type.fraction).astype(np.int64))
    assert len(np.unique(raw)) > min(20, len(x))  # not all the same


def broken(source: Path, target: Path, old: str, new: str) -> Firmware:
    """The firmware with one line of weft's top changed."""
    shutil.copytree(source, target)
    top = target / "weft_top.cpp"
    text = top.read_text()
    assert old in text
    top.write_text(text.replace(old, new))
    return compile_firmware(target)
