"""Choose strategy and reuse factor of every layer: as fast as the board's usable fabric allows.

The layers of a dataflow design run at once, so the slowest one sets the interval. Each layer's choices are measured
once by `estimate`; for a target interval every layer then takes its cheapest choice that meets it, and the smallest
target whose sum fits is found by bisection. What fabric is left after that is spent on latency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import inf

from weft.boards import Board
from weft.boards.errors import DoesNotFitError
from weft.boards.resources import Resources
from weft.hls.design import Design, Io, Layer
from weft.hls.lower import Choice, Strategy, products, valid_reuse_factors, valid_strategies
from weft.sim import Report, estimate
from weft.sim.cost.model import NEWEST_TOOL

STRATEGIES: tuple[Strategy, ...] = ("latency", "resource")
Choices = Mapping[str, Choice]
Table = Mapping[str, Sequence["Option"]]  # for each layer that has a choice, its options


class TooLargeError(DoesNotFitError):
    """No choice of strategies and reuse factors fits; `report` is of the smallest design."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.misfit())
        self.report = report


@dataclass(frozen=True)
class Option:
    """One way to build a layer. `shares` are what it takes of the board's usable fabric, resource by resource."""

    choice: Choice
    interval: int
    latency: int
    shares: tuple[float, ...]


# What "cheapest" can mean. Which resource will be scarce shows only in the sum over all layers, so each is tried.
_PRICES: tuple[Callable[[Option], float], ...] = (
    lambda option: max(option.shares),
    lambda option: sum(option.shares),
    *(lambda option, i=i: option.shares[i] for i in range(len(fields(Resources)))),
)


def tune(
    design: Design,
    board: Board,
    lower_again: Callable[[Choices], Design],
    strategies: Sequence[Strategy] = STRATEGIES,
    reuse_factor: int | None = None,
    tool: str = NEWEST_TOOL,
) -> tuple[Design, Report]:
    """The fastest design that fits, lowered again with its choices, and its report.

    `strategies` and `reuse_factor` narrow the search to what the user asked for; a reuse factor that is not valid for a
    layer becomes the closest valid one, the smaller of two. `tool`: see `estimate`. Raises TooLargeError where no
    choice fits.
    """
    table = options(design, board, strategies, reuse_factor, tool)
    targets = sorted({option.interval for layer in table.values() for option in layer}) or [0]
    reports = []
    for target in targets[_smallest_fitting(design, board, table, targets, tool) :]:
        choices = _spend_the_rest(design, board, table, cheapest_within(design, board, table, target, tool), tool)
        result = lower_again(choices)
        reports.append(estimate(result, board, tool=tool))
        if reports[-1].fits:
            return result, reports[-1]
    smallest = with_choices(design, cheapest_within(design, board, table, targets[-1], tool))
    raise TooLargeError(reports[-1] if reports else estimate(smallest, board, tool=tool))


def options(
    design: Design,
    board: Board,
    strategies: Sequence[Strategy],
    reuse_factor: int | None,
    tool: str = NEWEST_TOOL,
) -> dict[str, list[Option]]:
    """For every layer that has a choice, its options, measured in as many estimates as the longest list has entries."""
    tunable = {layer.name: layer for layer in design.layers if products(layer) is not None}
    factors = {name: _factors(layer, design.io, reuse_factor) for name, layer in tunable.items()}
    table: dict[str, list[Option]] = {name: [] for name in tunable}
    for strategy in STRATEGIES:
        able = [name for name, layer in tunable.items() if strategy in _strategies(layer, design.io, strategies)]
        for step in range(max((len(factors[name]) for name in able), default=0)):
            trial = {name: Choice(strategy, factors[name][step]) for name in able if step < len(factors[name])}
            rows = {row.name: row for row in estimate(with_choices(design, trial), board, tool=tool).layers}
            for name, choice in trial.items():
                row = rows[name]
                cycles = (row.interval_cycles.worst, row.latency_cycles.worst)
                table[name].append(Option(choice, *cycles, shares(row.resources, board)))
    return table


def _factors(layer: Layer, io: Io, wanted: int | None) -> list[int]:
    valid = valid_reuse_factors(layer, io)
    return valid if wanted is None else [closest(valid, wanted)]


def _strategies(layer: Layer, io: Io, wanted: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """The wanted strategies that hls4ml has a kernel for, or those it has where there is none."""
    valid = valid_strategies(layer, io)
    return tuple(strategy for strategy in valid if strategy in wanted) or valid


def closest(valid: Sequence[int], wanted: int) -> int:
    """The valid reuse factor nearest to the wanted one; of two equally near the smaller, as hls4ml takes it."""
    return min(valid, key=lambda factor: (abs(factor - wanted), factor))


def shares(resources: Resources, board: Board) -> tuple[float, ...]:
    """What each resource takes of the usable ones."""
    usable = board.usable_resources.as_dict()
    return tuple(count / max(usable[name], 1) for name, count in resources.as_dict().items())


def with_choices(design: Design, choices: Choices) -> Design:
    """The design with other strategies and reuse factors, as far as an estimate sees them; by these hls4ml then chooses
    anew whether its top is one pipeline."""
    return replace(
        design,
        pipeline_style="auto",
        pipeline_interval=None,
        layers=tuple(
            replace(layer, strategy=choices[layer.name].strategy, reuse_factor=choices[layer.name].reuse_factor)
            if layer.name in choices
            else layer
            for layer in design.layers
        ),
    )


def cheapest_within(
    design: Design, board: Board, table: Table, interval: int, tool: str = NEWEST_TOOL
) -> dict[str, Choice]:
    """Choices that meet an interval, as far as each layer can, and fit; the ones that come closest where none fit."""
    best: dict[str, Choice] = {}
    smallest = inf
    for price in _PRICES:
        chosen = {name: _cheapest(found, interval, price).choice for name, found in table.items()}
        report = estimate(with_choices(design, chosen), board, tool=tool)
        if report.fits:
            return chosen
        share = max(shares(report.resources, board))
        if share < smallest:
            best, smallest = chosen, share
    return best


def _cheapest(found: Sequence[Option], interval: int, price: Callable[[Option], float]) -> Option:
    meeting = [option for option in found if option.interval <= interval]
    if not meeting:
        return min(found, key=lambda option: option.interval)
    return min(meeting, key=lambda option: (price(option), option.latency))


def _smallest_fitting(design: Design, board: Board, table: Table, targets: Sequence[int], tool: str) -> int:
    """Index of the smallest target interval for which some choices fit; len(targets) where none does."""
    low, high = 0, len(targets)
    while low < high:
        middle = (low + high) // 2
        choices = cheapest_within(design, board, table, targets[middle], tool)
        if estimate(with_choices(design, choices), board, tool=tool).fits:
            high = middle
        else:
            low = middle + 1
    return low


def _spend_the_rest(
    design: Design, board: Board, table: Table, choices: dict[str, Choice], tool: str
) -> dict[str, Choice]:
    """Move the layers with the longest latency to faster options for as long as the design still fits."""
    chosen = dict(choices)
    best = estimate(with_choices(design, chosen), board, tool=tool)
    if not best.fits:
        return chosen
    for name, found in sorted(table.items(), key=lambda item: -_option(item[1], chosen[item[0]]).latency):
        current = _option(found, chosen[name])
        faster = [o for o in found if o.latency < current.latency]
        for option in sorted(faster, key=lambda option: (option.latency, max(option.shares))):
            trial = {**chosen, name: option.choice}
            report = estimate(with_choices(design, trial), board, tool=tool)
            quicker = report.latency_cycles.worst < best.latency_cycles.worst
            if report.fits and quicker and report.interval_cycles.worst <= best.interval_cycles.worst:
                chosen, best = trial, report
                break
    return chosen


def _option(found: Sequence[Option], choice: Choice) -> Option:
    return next(option for option in found if option.choice == choice)
