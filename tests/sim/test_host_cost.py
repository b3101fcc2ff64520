"""What the host adds to the fabric's cycles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chained_designs import mlp

from weft.boards import load_board
from weft.sim.host_cost import copy_us, tensor_copy_us


def test_a_samples_ends_are_copied_as_floats() -> None:
    board = load_board("pynq-z2")
    slow = replace(board, host=replace(board.host, copy_bytes_per_s=1e6))
    assert copy_us(mlp((16, 12, 8), (1, 1)), slow) == pytest.approx(4 * (16 + 8))


def test_every_tensor_has_its_part_of_the_copy() -> None:
    design, board = mlp((16, 12, 8), (1, 1)), load_board("pynq-z2")
    parts = [tensor_copy_us(design.tensors[name], board) for name in (*design.inputs, *design.outputs)]
    assert parts[0] == pytest.approx(2 * parts[1])
    assert sum(parts) == copy_us(design, board)
