"""Fit a region's design into a board: its layers' choices and its FIFOs' depths together.

hls4ml first makes every FIFO of a stream as deep as its tensor, which for an image alone can be more block RAM than a
board has; its users then run `fifo_depth_optimization`. A design that is too large with deep FIFOs is therefore tuned
again with shallow ones, and then gets the smallest depths that cost it no cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weft.boards import Board
from weft.hls.design import Design
from weft.hls.strategies import Choice, Strategy, products, valid_reuse_factors, valid_strategies
from weft.host.capacity import most_weight_bits
from weft.host.tuning import Choices, TooLargeError, tune, with_choices
from weft.sim import Report, estimate, smallest_fifos
from weft.sim.cost.model import NEWEST_TOOL
from weft.sim.cost.stream import fifo

Lowering = Callable[[Mapping[str, Choice] | None], Design]  # a design, with the given choices
_SHALLOWEST = 2  # what HLS gives a stream that nobody says the depth of (UG1399, "hls::stream")


def fit(
    lowered: Lowering,
    board: Board,
    strategies: Sequence[Strategy],
    reuse_factor: int | None = None,
    tool: str = NEWEST_TOOL,
) -> Design:
    """The fastest design of a region that fits, with its FIFOs as small as costs no cycle; see `tune`.

    Raises TooLargeError where none fits.
    """
    first = lowered(None)
    if _weight_bits(first) > most_weight_bits(board):
        largest = {
            layer.name: Choice(valid_strategies(layer, first.io)[-1], valid_reuse_factors(layer, first.io)[-1])
            for layer in first.layers
            if products(layer)
        }
        raise TooLargeError(estimate(with_choices(first, largest), board, tool=tool))
    try:
        return shrink_fifos(tune(first, board, lowered, strategies, reuse_factor, tool)[0], board, tool)
    except TooLargeError:
        if first.io != "io_stream":
            raise

    def lean(depths: Mapping[str, int]) -> tuple[Design, Report]:
        """The fastest design that fits with FIFOs of these depths, but with those that it needs."""

        def shallow(choices: Choices) -> Design:
            return lowered(choices).with_fifo_depths(depths)

        tuned, _ = tune(first.with_fifo_depths(depths), board, shallow, strategies, reuse_factor, tool)
        design = smallest_fifos(tuned, board, tool=tool)
        return design, estimate(design, board, tool=tool)

    design, report = lean(dict.fromkeys(first.tensors, _SHALLOWEST))
    if not report.fits:  # it was tuned as if it had next to no FIFOs
        design, report = lean({name: tensor.fifo_depth for name, tensor in design.tensors.items()})
    if not report.fits:
        raise TooLargeError(report)
    return design


def _weight_bits(design: Design) -> int:
    weights = [layer.weights["weight"] for layer in design.layers if products(layer)]
    return sum(weight.raw.size * weight.type.width for weight in weights)


def shrink_fifos(design: Design, board: Board, tool: str = NEWEST_TOOL) -> Design:
    """The design with the smallest FIFOs that cost it no cycle.

    A wide FIFO that is shallow takes LUTs where a deep one takes block RAM: where LUTs are too scarce for that, only
    the FIFOs that get smaller in both shrink.
    """
    smallest = smallest_fifos(design, board, tool=tool)
    cheaper = {
        name: tensor.fifo_depth
        for name, tensor in smallest.tensors.items()
        if fifo(tensor, tool).lut <= fifo(design.tensors[name], tool).lut
    }
    for trial in (smallest, design.with_fifo_depths(cheaper)):
        if estimate(trial, board, tool=tool).fits:
            return trial
    return design
