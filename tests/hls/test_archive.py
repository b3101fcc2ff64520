"""A saved design comes back whole, and anything else is refused in one sentence."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_designs import dense_design

from weft.boards.errors import ArtefactError
from weft.hls.design import Design

PACKED = dense_design().to_bytes()


def repacked(change: Any, member: str = "design.json") -> bytes:
    """PACKED with `change` applied to the bytes of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PACKED)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == member else data)
    return buffer.getvalue()


def edited(**changes: Any) -> bytes:
    return repacked(lambda data: json.dumps({**json.loads(data), **changes}).encode())


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    design = dense_design()
    design.save(tmp_path / "design")
    for other in (Design.load(tmp_path / "design"), Design.from_bytes(PACKED)):
        assert other.to_bytes() == PACKED
        assert other.layers[1].onnx_nodes == ('a "node"', "b")
        np.testing.assert_array_equal(other.run(np.ones((2, 4))), design.run(np.ones((2, 4))))


def test_equal_designs_give_equal_bytes() -> None:
    assert dense_design().to_bytes() == PACKED != dense_design(name="net_other").to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        PACKED[: len(PACKED) // 2],
        edited(schema="weft-design/99"),
        edited(io="io_magic"),
        edited(clock_ns=-1),
        edited(pipeline_style="Pipeline"),
        edited(pipeline_interval=0),
        edited(pipeline_interval=True),
        edited(outputs=[]),
        edited(outputs=["nowhere"]),
        edited(inputs="input_0"),
        edited(layers=[]),
        edited(layers=3),
        edited(name="../../x"),
        edited(tensors=[]),
        repacked(lambda data: data.replace(b'"dense_1"', b'"dense 1"')),
        repacked(lambda data: data.replace(b"fixed<4,1>", b"float")),
        repacked(lambda data: data.replace(b'"reuse_factor": 1', b'"reuse_factor": 0')),
        repacked(lambda data: data[:-30]),
        repacked(lambda data: b"[" * 100_000),
        repacked(lambda data: data[:-40], "weights.npz"),
        repacked(lambda data: b"", "weights.npz"),
    ],
)
def test_other_bytes_are_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(ArtefactError) as caught:
        Design.from_bytes(data)
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(PACKED) - 1), st.integers(0, 255))
def test_a_damaged_byte_gives_a_design_or_a_refusal(position: int, value: int) -> None:
    damaged = bytearray(PACKED)
    damaged[position] = value
    try:
        assert isinstance(Design.from_bytes(bytes(damaged)), Design)
    except ArtefactError as error:
        assert "\n" not in str(error)


def test_a_pickle_is_not_opened() -> None:
    array = io.BytesIO()
    np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("dense_1.weight.npy", array.getvalue())
        archive.writestr("dense_1.bias.npy", array.getvalue())
    with pytest.raises(ArtefactError):
        Design.from_bytes(repacked(lambda _: weights.getvalue(), "weights.npz"))


def test_a_folder_without_a_design_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="holds no saved design"):
        Design.load(tmp_path)


def test_a_design_that_was_loaded_says_it_has_no_firmware() -> None:
    with pytest.raises(ArtefactError, match="has no hls4ml graph"):
        Design.from_bytes(PACKED).firmware()
