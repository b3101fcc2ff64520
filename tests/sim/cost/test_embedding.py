"""Embedding: a lookup a value."""

from __future__ import annotations

from dataclasses import replace

from cost_designs import WORD, cost_of, plain, single, weight

from weft.hls.design import Tensor
from weft.hls.precision import FixedType

INDEX = FixedType(8, 8, False)


def test_a_table_is_copied_for_every_pair_of_values_read_at_once() -> None:
    layer = replace(plain("Embedding"), weights={"embeddings": weight(128, 16)})
    source, result = Tensor("x", (10,), INDEX), Tensor("y", (10, 16), WORD)
    parallel, streamed = (
        cost_of(single(layer, io, source, result), "xcu250", "vitis-2024.1") for io in ("io_parallel", "io_stream")
    )
    table = 2  # 2,048 words of 16 bits
    assert parallel.resources.bram18 == table * 10 * 16 // 2
    assert streamed.resources.bram18 == table * 16 // 2
    assert parallel.worst.interval == 1
    assert 10 < streamed.worst.latency <= 13
