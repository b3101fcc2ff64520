"""Design.run against hls4ml's compiled C++, integer for integer, on every output of random networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from weft.hls.design import Design

pytest.importorskip("hls4ml")
from random_graphs import RandomNetwork, dense_network, image_network

SEEDS = {"image": (1, 2, 3, 4), "dense": (0, 1)}
CASES = [
    (build, seed, io)
    for build in (image_network, dense_network)
    for seed in SEEDS[build.__name__.removesuffix("_network")]
    for io in ("io_stream", "io_parallel")
]


def design_of(network: RandomNetwork, name: str) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hls4ml's notes on table sizes
        return Design.from_hls4ml(network.graph(name))


def samples(design: Design, count: int, seed: int) -> NDArray[np.int64]:
    tensor = design.tensors[design.inputs[0]]
    random = np.random.default_rng(seed)
    shape = (count, *tensor.shape)
    return random.integers(tensor.type.minimum, tensor.type.maximum, shape, np.int64, endpoint=True)


@pytest.mark.parametrize(("build", "seed", "io"), CASES, ids=lambda case: getattr(case, "__name__", str(case)))
def test_every_layer_gives_the_integers_of_the_compiled_firmware(
    build: Callable[[int, str], RandomNetwork], seed: int, io: str
) -> None:
    design = design_of(build(seed, io), f"net_{build.__name__}_{seed}")
    raw = samples(design, 60, seed)
    expected = design.firmware().run(raw)
    kinds = {output: layer for layer in design.layers for output in layer.outputs}
    for name, got, wanted in zip(design.outputs, design.run(raw), expected, strict=True):
        np.testing.assert_array_equal(got, wanted, err_msg=f"{kinds[name]}")


def test_the_same_design_from_its_archive_gives_the_same_integers(tmp_path: Path) -> None:
    design = design_of(dense_network(0, "io_parallel"), "net_archived")
    raw = samples(design, 20, 7)
    design.save(tmp_path / "design")
    for other in (Design.load(tmp_path / "design"), Design.from_bytes(design.to_bytes())):
        assert other.to_bytes() == design.to_bytes()
        for got, wanted in zip(other.run(raw), design.run(raw), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_an_empty_batch_and_floats_run_too() -> None:
    design = design_of(dense_network(1, "io_stream"), "net_empty")
    tensor = design.tensors[design.inputs[0]]
    assert [len(output) for output in design.run(np.zeros((0, *tensor.shape)))] == [0] * len(design.outputs)
    raw = samples(design, 5, 3)
    for got, wanted in zip(design.run(tensor.type.to_float(raw)), design.run(raw), strict=True):
        np.testing.assert_array_equal(got, wanted)
