"""Joined axes run through the same elements in the same order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weft.host.opencl.broadcast import broadcast_strides, collapsed, contiguous_strides, merged


@given(shape=st.lists(st.integers(1, 4), max_size=5), data=st.data())
def test_collapsed_axes_read_what_numpy_does(shape: list[int], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    own = [size if keep else 1 for size, keep in zip(shape, kept, strict=True)]
    sizes, (strides,) = collapsed(shape, [own])
    flat = np.arange(int(np.prod(own)))
    index = sum(
        (
            (np.arange(size) * stride).reshape(-1, *(1,) * (len(sizes) - axis - 1))
            for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True))
        ),
        start=np.zeros((1,) * len(sizes), int),
    )
    np.testing.assert_array_equal(flat[index].ravel(), np.broadcast_to(flat.reshape(own), shape).ravel())


def test_what_lies_together_is_one_axis() -> None:
    assert collapsed((2, 3, 4), [(2, 3, 4), (1,)]) == ((24,), [(1,), (0,)])
    assert collapsed((2, 3, 4), [(3, 4)]) == ((2, 12), [(0, 1)])
    assert merged((2, 1, 3), [(3, 9, 1)]) == ((6,), [(1,)])
    assert merged((), [()]) == ((1,), [(0,)])
    assert contiguous_strides((2, 3, 4)) == (12, 4, 1)
    assert broadcast_strides((3, 1), (2, 3, 4)) == (0, 1, 0)
