"""What each kind reads and writes when, by hand-made layers."""

from __future__ import annotations

import numpy as np
import pytest

from weft.boards.errors import InputError, WeftError
from weft.hls.design import Layer, Tensor, Value
from weft.hls.layers import MEANINGS
from weft.hls.precision import FixedType
from weft.sim.events.patterns import PATTERNS, Pattern, pattern_of

#: hls4ml has these in io_parallel only (FACTS section 1); Input and Reshape are no processes.
_NO_STREAM = {"Einsum", "EinsumDense", "LayerNormalization", "TimeDistributed", "Reshape", "Input"}


def pattern(
    kind: str, first: tuple[int, ...], result: tuple[int, ...], second: tuple[int, ...] = (), **attributes: Value
) -> Pattern:
    sources = [Tensor("a", first, FixedType(8, 3))] + ([Tensor("b", second, FixedType(8, 3))] if second else [])
    return pattern_of(Layer("l", kind, (), (), attributes), sources, Tensor("y", result, FixedType(8, 3)))


def test_every_kind_that_streams_has_a_pattern() -> None:
    assert set(MEANINGS) - _NO_STREAM <= set(PATTERNS)


def test_a_kernel_of_two_by_three_with_a_stride_of_two() -> None:
    sizes: dict[str, Value] = {
        "in_height": 4,
        "in_width": 7,
        "filt_height": 2,
        "filt_width": 3,
        "stride_height": 2,
        "stride_width": 2,
    }
    found = pattern("Conv2D", (4, 7, 1), (2, 3, 5), (), **sizes)
    image = found.writes.reshape(4, 7)
    assert [row for row in range(4) if image[row].any()] == [1, 3]
    assert np.flatnonzero(image[1]).tolist() == [2, 4, 6]
    assert (found.reads[0] == 1).all()


@pytest.mark.parametrize("height", [0, -1, 29, 2**40])
def test_an_image_has_no_more_rows_than_pixels(height: int) -> None:
    """Or a stranger's design would ask for an array of them."""
    with pytest.raises(InputError, match=rf"layer l has an image of {height} rows in 28 pixels"):
        pattern("Conv2D", (4, 7, 1), (2, 3, 5), (), in_height=height, filt_height=2, filt_width=3)


def test_padding_reads_only_what_is_inside() -> None:
    found = pattern("ZeroPadding2D", (2, 2, 1), (4, 5, 1), pad_top=1, pad_bottom=1, pad_left=2, pad_right=1)
    assert np.argwhere(found.reads[0].reshape(4, 5)).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert (found.writes == 1).all()


def test_cropping_writes_only_what_is_kept() -> None:
    found = pattern("Cropping1D", (6, 2), (3, 2), crop_left=2, crop_right=1)
    assert found.writes.tolist() == [0, 0, 1, 1, 1, 0]


def test_a_row_is_read_before_it_is_repeated() -> None:
    found = pattern("Resize", (2, 3, 1), (4, 6, 1))
    assert found.reads[0].tolist() == ([1] * 3 + [0] * 9) * 2
    assert found.writes.sum() == 24


def test_concatenation_along_rows_takes_turns() -> None:
    found = pattern("Concatenate", (2, 3, 1), (2, 5, 1), (2, 2, 1), axis=2)
    assert found.reads[0].tolist() == [1, 1, 1, 0, 0] * 2
    assert found.reads[1].tolist() == [0, 0, 0, 1, 1] * 2
    together = pattern("Concatenate", (2, 3), (2, 8), (2, 5), axis=-1)
    assert [reads.tolist() for reads in together.reads] == [[1, 1], [1, 1]]


def test_regrouping_keeps_up_with_the_longer_stream() -> None:
    split = pattern("Repack", (2, 6), (6, 2))
    assert split.reads[0].tolist() == [1, 0, 0, 1, 0, 0]
    assert split.writes.tolist() == [1] * 6
    joined = pattern("Repack", (6, 2), (2, 6))
    assert joined.writes.tolist() == [0, 0, 1, 0, 0, 1]


def test_transposing_ends_reading_before_it_writes() -> None:
    found = pattern("Transpose", (2, 3), (3, 2))
    assert (found.reads[0].tolist(), found.writes.tolist()) == ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1])


def test_a_recurrent_layer_writes_each_state_or_the_last() -> None:
    assert pattern("LSTM", (4, 3), (4, 2)).writes.tolist() == [1, 1, 1, 1]
    assert pattern("LSTM", (4, 3), (2,)).writes.tolist() == [0, 0, 0, 1]


def test_an_unknown_kind_and_a_damaged_layer_are_one_sentence() -> None:
    with pytest.raises(WeftError, match="layer l is a Garnet, whose stream weft cannot simulate"):
        pattern("Garnet", (4, 3), (4, 2))
    with pytest.raises(InputError, match=r"layer l \(Activation\) moves \[5, 5\] elements"):
        pattern("Activation", (4, 3), (5, 3))
