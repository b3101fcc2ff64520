"""Packing for streams and back is exact for every value a type has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weft.boards.errors import InputError
from weft.hls.design import Tensor
from weft.hls.precision import FixedType
from weft.host.streams import pack, unpack


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    width = draw(st.integers(1, 24))
    signed = draw(st.booleans())
    shape = draw(st.sampled_from([(7,), (4, 5, 3), (2, 2, 2), (3, 1, 2)]))
    kind = FixedType(width, draw(st.integers(-2, 8)), signed, "RND_CONV", "SAT")
    return Tensor("t", shape, kind, onnx_name="x", onnx_axes=tuple(draw(st.permutations(range(len(shape))))))


@given(tensors(), st.integers(0, 3), st.data())
def test_raw_integers_survive_the_way_there_and_back(tensor: Tensor, samples: int, data: st.DataObject) -> None:
    elements = st.integers(tensor.type.minimum, tensor.type.maximum)
    raw = data.draw(hnp.arrays(np.int64, (samples, *tensor.shape), elements=elements))
    values = unpack(raw, tensor)
    assert values.shape == (samples, *(tensor.shape[tensor.onnx_axes.index(axis)] for axis in range(values.ndim - 1)))
    packed = pack(values, tensor)
    assert packed.dtype == tensor.type.storage
    assert packed.nbytes == samples * tensor.stream_bytes
    np.testing.assert_array_equal(packed, raw)


def test_images_travel_channels_last() -> None:
    tensor = Tensor("t", (2, 3, 2), FixedType(8, 8), onnx_axes=(1, 2, 0))
    image = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)  # N, C, H, W
    assert pack(image, tensor).ravel().tolist() == [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="NaN or infinity"):
        pack(np.array([[bad]], np.float32), Tensor("t", (1,), FixedType(8, 4)))
