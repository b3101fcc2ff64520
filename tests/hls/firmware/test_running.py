"""Firmware that g++ compiled: weft's top against hls4ml's own C simulation."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")

from firmware_graphs import assert_same, broken, two_port_graph, values

from weft.boards.errors import ArtefactError, InputError, ToolError
from weft.hls.firmware import Firmware, compile_firmware, write_firmware

if shutil.which("g++") is None:
    pytest.skip("g++ is not on PATH", allow_module_level=True)


@pytest.mark.parametrize("name", ["stream", "parallel"])
def test_the_top_gives_hls4mls_integers(name: str, request: pytest.FixtureRequest) -> None:
    firmware = request.getfixturevalue(name)
    assert_same(firmware, values(firmware, 200))


def test_two_designs_of_one_name_live_in_one_process(stream: Firmware, parallel: Firmware) -> None:
    x, y = values(stream, 20, 1), values(parallel, 20, 2)
    first, second = stream.run(x), parallel.run(y)
    for _ in range(2):
        np.testing.assert_array_equal(stream.run(x), first)
        np.testing.assert_array_equal(parallel.run(y), second)
    assert_same(stream, x)
    assert_same(parallel, y)


def test_samples_do_not_depend_on_their_neighbours(stream: Firmware) -> None:
    x = values(stream, 9)
    together = np.asarray(stream.run(x))
    np.testing.assert_array_equal(together, np.concatenate([np.asarray(stream.run(x[i : i + 1])) for i in range(9)]))


def test_long_batches_go_in_several_launches(stream: Firmware, monkeypatch: pytest.MonkeyPatch) -> None:
    x = values(stream, 10)
    whole = stream.run(x)
    monkeypatch.setattr("weft.hls.firmware.running._LARGEST_LAUNCH", 40)  # three samples of twelve values
    np.testing.assert_array_equal(stream.run(x), whole)


def test_floats_are_quantised_and_integers_are_raw(stream: Firmware, parallel: Firmware) -> None:
    rng = np.random.default_rng(3)
    for firmware in (stream, parallel):
        x = rng.normal(0, 3, (30, *firmware.inputs[0].shape))
        raw = firmware.inputs[0].type.quantise(x)
        np.testing.assert_array_equal(firmware.run(x), firmware.run(raw))
        np.testing.assert_array_equal(firmware.run(x.reshape(30, -1)), firmware.run(raw))
        assert_same(firmware, x)


def test_threads_take_turns(stream: Firmware) -> None:
    batches = [values(stream, 50, seed) for seed in range(8)]
    alone = [np.asarray(stream.run(x)) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(stream.run, batches), alone, strict=True):
            np.testing.assert_array_equal(got, want)


def test_no_samples_give_no_results(stream: Firmware) -> None:
    assert np.asarray(stream.run(np.zeros((0, 4, 3)))).shape == (0, 3)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    firmware = compile_firmware(write_firmware(two_port_graph(), tmp_path / "firmware"))
    rng = np.random.default_rng(0)
    a = firmware.inputs[0].type.to_float(rng.integers(0, 256, (50, 6)))
    b = firmware.inputs[1].type.to_float(rng.integers(-64, 64, (50, 6)))
    raw, expected = firmware.run([a, b]), firmware.predict([a, b])
    assert isinstance(raw, list)
    assert [port.type.storage.name for port in (*firmware.inputs, *firmware.outputs)] == [
        "int16",
        "int8",
        "int16",
        "int64",
    ]
    for port, got, want in zip(firmware.outputs, raw, expected, strict=True):
        np.testing.assert_array_equal(port.type.to_float(got), want)
        assert len(np.unique(got)) > 20
    with pytest.raises(InputError, match="batches of"):
        firmware.run([a, b[:3]])
    with pytest.raises(InputError, match="2 inputs, and 1"):
        firmware.run(a)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 5)), "shape"),
        (np.zeros(12), "shape"),
        (np.full((1, 4, 3), np.nan), "NaN"),
        (np.zeros((1, 4, 3), complex), "dtype"),
        (np.full((1, 4, 3), 256), "outside ufixed<8,0>"),
        (np.full((1, 4, 3), -1), "outside ufixed<8,0>"),
    ],
)
def test_bad_arrays_are_refused(stream: Firmware, array: NDArray[Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stream.run(array)


def test_a_misplaced_tlast_is_noticed(stream_folder: Path, tmp_path: Path) -> None:
    old, new = "beat.last = sample + 1 == samples && ", "beat.last = "  # the last value of every sample
    firmware = broken(stream_folder, tmp_path / "firmware", old, new)
    firmware.run(values(firmware, 1))
    with pytest.raises(ToolError, match="TLAST"):
        firmware.run(values(firmware, 3))


def test_facts_of_another_design_are_refused(stream: Firmware, stream_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "firmware"
    shutil.copytree(stream_folder, other)
    path = other / "weft_firmware.json"
    path.write_text(path.read_text().replace("4,", "3,"))
    with pytest.raises(ArtefactError, match=r"\[9, 3\] values, and its C\+\+ of \[12, 3\]"):
        compile_firmware(other)  # before a buffer of nine values meets code that writes twelve


def test_a_folder_without_sources_is_refused(stream_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="not firmware"):
        compile_firmware(tmp_path)
    shutil.copyfile(stream_folder / "weft_firmware.json", tmp_path / "weft_firmware.json")
    with pytest.raises(ArtefactError, match=r"lacks firmware/net\.cpp"):
        compile_firmware(tmp_path)
