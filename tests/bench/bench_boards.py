"""Measurements on real boards, host and DMA included, beside what weft foretells.

Figures: boards.csv of the folder in WEFT_PUBLISHED, and for the MNIST networks the notebook PYNQ_files/MNIST/
PYNQ_MNIST.ipynb of github.com/Gabriele-bot/PYNQ_IA (its mean of three blocks of 500 images).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rich.console import Console
from rich.table import Table

from weft.boards import Board, load_board
from weft.hls.design import Design, Tensor
from weft.hls.precision import FixedType
from weft.sim.host_cost import copy_us

WORD, PIXEL = FixedType(16, 6), FixedType(8, 3)

# A value scaled, rounded and paired by Python on the Cortex-A9, as the notebooks do: 2,241 us with and 457 us without,
# for 21 values (jet_tagging/PYNQ_ML_TEST.ipynb).
_PYTHON_VALUE_US = 85.0

# The jet network's kernel: 95 cycles at 100 MHz a sample, as its own report says.
_KERNEL_US = 0.95


@dataclass(frozen=True)
class Measured:
    """One figure; `fitted` where a board's constant comes from it."""

    what: str
    measured_us: float
    predicted_us: float
    fitted: bool


def ends(size_in: int, size_out: int, kind_in: FixedType) -> Design:
    """A design of nothing but its ends: what the host sees."""
    tensors = {"x": Tensor("x", (size_in,), kind_in), "y": Tensor("y", (size_out,), WORD)}
    return Design("ends", "io_parallel", 10.0, "", (), tensors, ("x",), ("y",))


def register_loop_us(design: Design, board: Board) -> float:
    """Microseconds of one sample through a top with AXI-Lite registers, 32 bits of values a word, from Python.

    That is hls4ml's `axi_lite` interface; converting values one by one in Python comes on top.
    """
    tensors = [design.tensors[name] for name in (*design.inputs, *design.outputs)]
    words = sum(ceil(tensor.size * tensor.type.storage.itemsize / 4) for tensor in tensors)
    return words * board.link.register_us


def measured() -> list[Measured]:
    """The rows of boards.csv that are hls4ml designs on a PYNQ-Z2, and the MNIST networks of the same author."""
    board = load_board("pynq-z2")
    jets, digits = ends(16, 5, WORD), ends(784, 10, PIXEL)
    registers, word = register_loop_us(jets, board), board.link.register_us
    copied = copy_us(jets, board)
    return [
        Measured("jets, AXI-Lite, 8 words sent", 336.9, 8 * word, True),
        Measured("jets, AXI-Lite, 3 words received", 102.8, 3 * word, True),
        Measured("jets, AXI-Lite, encoded beforehand", 467.0, registers + _KERNEL_US, False),
        Measured("jets, AXI-Lite, encoded in Python", 2241.3, registers + 21 * _PYTHON_VALUE_US + _KERNEL_US, True),
        Measured("jets, AXI-Lite, the same 5,000 times", 2251.3, registers + 21 * _PYTHON_VALUE_US + _KERNEL_US, False),
        Measured("MNIST CNN, AXI-Lite", 7730.0, register_loop_us(digits, board) + 10 * _PYTHON_VALUE_US, False),
        Measured("MNIST DNN, AXI-Lite", 7843.0, register_loop_us(digits, board) + 10 * _PYTHON_VALUE_US, False),
        Measured("jets, DMA, one sample", 940.1, board.link.launch_us + copied + _KERNEL_US, True),
        Measured(
            "jets, DMA, 166,000 in one transfer, each",
            1.4207,
            board.link.launch_us / 166_000 + copied + _KERNEL_US,
            True,
        ),
    ]


def bench_boards() -> None:
    """Measured microseconds a sample, foretold ones, and whether the figure was used to set a constant."""
    table = Table(title="A PYNQ-Z2 driven from Python: microseconds a sample")
    for heading in ("what", "measured", "foretold", "error", "fitted on it"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in measured():
        error = row.predicted_us / row.measured_us - 1
        table.add_row(
            row.what,
            f"{row.measured_us:,.2f}",
            f"{row.predicted_us:,.2f}",
            f"{error:+.0%}",
            "yes" if row.fitted else "",
        )
    Console(width=120).print(table)
