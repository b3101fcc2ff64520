"""The FPGA's regions: which parts of a network could go there, and the design that one becomes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import onnx_ir as ir

from weft.boards import Board
from weft.boards.errors import InputError, ModelError
from weft.boards.resources import Resources
from weft.hls.compress import compress
from weft.hls.design import Design
from weft.hls.lower import Choice, lower, products
from weft.hls.lowering import QUANTISERS
from weft.hls.quantised import is_quantised
from weft.host.capacity import most_weight_bits, weight_bits
from weft.host.device import Device, Region
from weft.host.evaluation import Data
from weft.host.fitting import fit
from weft.host.graph import Network
from weft.host.placement import Offer, Task, cheapest_cuts, reconfiguration_seconds
from weft.host.plan import Configuration
from weft.host.regions import Reach, candidates, parts, reach, separable
from weft.host.streams import ends
from weft.host.tables import seconds
from weft.host.tuning import TooLargeError
from weft.sim import Report, simulate

_MOST_REGIONS = 3  # maximal ones that are lowered and tuned: seconds each
_MOST_CUTS = 2  # parts of a region that fits as a whole that are tuned as well: a few seconds each
_MOST_PARTS = 5  # of one that does not fit, by bisection of their work


def computes(node: ir.Node) -> bool:
    """False for the annotations that give a value its fixed-point type."""
    return node.op_type not in QUANTISERS


def fixed_point(model: ir.Model, wanted: Configuration, calibration: Data | None) -> tuple[ir.Model, tuple[str, ...]]:
    """The model with fixed-point types: as it is if it has them or a precision was given, otherwise compressed; and
    what is to be said about it. Raises ModelError for inputs that random numbers cannot stand in for."""
    if wanted.precision is not None or is_quantised(model):
        return model, ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the note below says it
            found = compress(model, "fixed16", calibration=calibration).model
    except InputError as error:
        if calibration is not None:
            raise
        raise ModelError(str(error)) from error  # the CPU needs no calibration
    data = "random data" if calibration is None else "the calibration data"
    advice = ": pass calibration for better ones" if calibration is None else ""
    start = "The model was not compressed and no precision was given: its 16-bit fixed-point types are from"
    return found, (f"{start} {data}{advice}.",)


@dataclass(frozen=True)
class Offers:
    """What the FPGA could hold, each a set of regions, and why others cannot go there, that of the most work first."""

    sets: list[tuple[Offer, ...]]
    failures: list[TooLargeError | ModelError]

    @property
    def rejected(self) -> Report | None:
        """The report of the largest region that does not fit."""
        return next((error.report for error in self.failures if isinstance(error, TooLargeError)), None)


@dataclass(frozen=True)
class FpgaPlanner:
    """Finds and lowers regions of one network for one board."""

    name: str
    network: Network
    board: Board
    device: Device
    configuration: Configuration

    def offers(self, allowed: Sequence[bool], pinned: Sequence[int], first_only: bool) -> Offers:
        """Sets of the largest regions of allowed nodes that hold every pinned one: single regions, regions that share
        a bitstream, and regions that take turns. Of a region that does not fit, the largest part that does.

        With `first_only` the first region that fits whole is enough, and what fits beside it.
        """
        maximal, failures = self._maximal(allowed, pinned), list[TooLargeError | ModelError]()
        alone: list[Offer] = []
        for numbers in maximal[:_MOST_REGIONS]:
            offer = self._best(numbers, pinned, failures)
            if offer is not None:
                alone.append(offer)
                if first_only and len(offer.numbers) == len(numbers) and set(pinned) <= set(numbers):
                    break
        alone.sort(key=lambda offer: -self._work(offer.numbers))  # a part may have less work than another region
        sets: list[tuple[Offer, ...]] = [(offer,) for offer in alone]
        if alone:
            beside = self._side_by_side(alone[0], maximal)
            sets += [some for size in range(2, len(beside) + 1) for some in combinations(beside, size)]
            needed = [offer for offer in alone if not pinned or not set(pinned).isdisjoint(offer.numbers)]
            sets += [] if first_only and _hold(sets, pinned) else [self._in_turn(needed)]
        return Offers(_hold([each for each in sets if each], pinned), failures)

    def with_cuts(self, task: Task, offers: Offers, pinned: Sequence[int]) -> Offers:
        """The offers, and few parts of the largest region where that fits as a whole: with every pinned node, and such
        as may cost less than it does. They are for plans by cost: by preference the whole is always better.
        """
        whole = offers.sets[0][0]
        if offers.rejected is not None:
            return offers  # what there is may be a part already
        starts = [number for number in whole.numbers if computes(self.network.nodes[number])]
        possible = (
            part for part in parts(whole.numbers, starts, self.network.predecessors) if set(pinned) <= set(part)
        )
        able = filter(self._could_hold, possible)
        found = (self._offer(part, []) for part in cheapest_cuts(task, whole, able, _MOST_CUTS))
        return replace(offers, sets=[*offers.sets, *((offer,) for offer in found if offer is not None)])

    def _maximal(self, allowed: Sequence[bool], pinned: Sequence[int]) -> list[tuple[int, ...]]:
        """Regions that compute something, those with pinned nodes first and those with more work before others."""
        found = [
            without_passed(self.network, numbers)
            for numbers in candidates(allowed, self._reached)
            if any(computes(self.network.nodes[number]) for number in numbers)
        ]
        wanted = set(pinned)
        return sorted(found, key=lambda each: (wanted.isdisjoint(each), -self._work(each), -len(each), each[0]))

    def _best(
        self, numbers: Sequence[int], pinned: Sequence[int], failures: list[TooLargeError | ModelError]
    ) -> Offer | None:
        """The region, or its largest part that fits."""
        offer = self._offer(numbers, failures)
        if offer is None and failures and isinstance(failures[-1], TooLargeError):
            return self._largest_part(numbers, set(pinned) & set(numbers))
        return offer

    def _side_by_side(self, first: Offer, maximal: Sequence[tuple[int, ...]]) -> tuple[Offer, ...]:
        """Regions in one bitstream: those that fit into what the first leaves of the fabric, or else all of the
        largest, each in a share of it by its work; none where that cannot be."""
        chosen, used = [first], _resources(first)
        for numbers in maximal[: _MOST_REGIONS * _MOST_REGIONS]:
            others = [offer.numbers for offer in chosen]
            if len(chosen) == _MOST_REGIONS or not separable([*others, numbers], self._reached):
                continue
            offer = self._offer(numbers, [], room_beside(self.board, used))
            if offer is not None:
                chosen.append(offer)
                used += _resources(offer)
        return tuple(chosen) if len(chosen) > 1 else self._in_shares(maximal[:_MOST_REGIONS])

    def _in_shares(self, regions: Sequence[tuple[int, ...]]) -> tuple[Offer, ...]:
        total = sum(map(self._work, regions))
        if len(regions) < 2 or not total or not separable(regions, self._reached):
            return ()
        found: list[Offer] = []
        for numbers in regions:
            offer = self._offer(numbers, [], room_of(self.board, self._work(numbers) / total))
            if offer is None:
                return ()
            found.append(offer)
        return tuple(found)

    def _in_turn(self, alone: Sequence[Offer]) -> tuple[Offer, ...]:
        """Regions with a bitstream each, which the board is configured with one after the other."""
        if len(alone) < 2 or not separable([offer.numbers for offer in alone], self._reached):
            return ()
        return tuple(
            replace(offer, region=replace(offer.region, overlay=f"overlay{number}"))
            for number, offer in enumerate(alone)
        )

    @cached_property
    def _reached(self) -> Reach:
        return reach(self.network.predecessors)

    def _could_hold(self, numbers: Sequence[int]) -> bool:
        """False for what computes nothing, or has more weights than the fabric has room for."""
        nodes = [self.network.nodes[number] for number in numbers]
        return any(map(computes, nodes)) and weight_bits(nodes) <= most_weight_bits(self.board)

    def _work(self, numbers: Sequence[int]) -> float:
        return sum(self.network.work[number] for number in numbers)

    def _offer(
        self, numbers: Sequence[int], failures: list[TooLargeError | ModelError], room: Board | None = None
    ) -> Offer | None:
        try:
            return Offer(tuple(numbers), self.region(numbers, room or self.board))
        except (TooLargeError, ModelError) as error:
            failures.append(error)
            return None

    def _largest_part(self, numbers: Sequence[int], pinned: Set[int]) -> Offer | None:
        """The part of a region with the most work that was found to fit, as if more work never fitted where less did
        not."""
        starts = [n for n in numbers if computes(self.network.nodes[n])]
        found = {part for part in parts(numbers, starts, self.network.predecessors) if pinned <= set(part)}
        able = {without_passed(self.network, part) for part in found if self._could_hold(part)}
        left = sorted(able, key=lambda part: (-self._work(part), part))
        best, tuned = None, 0
        while left and tuned < _MOST_PARTS:
            middle = len(left) // 2
            failures: list[TooLargeError | ModelError] = []
            offer = self._offer(left[middle], failures)
            if offer is not None:
                best, left = offer, left[:middle]
            elif isinstance(failures[-1], TooLargeError):
                left = left[middle + 1 :]
            else:  # no design at all, at once: that says nothing of its neighbours
                del left[middle]
                continue
            tuned += 1
        return best

    def region(self, numbers: Sequence[int], room: Board) -> Region:
        """The region with its design, tuned to fit into `room`, the board or a part of it.

        Raises TooLargeError, and ModelError where it cannot be lowered.
        """
        network, device = self.network, self.device
        names, wanted = network.names(numbers), self.configuration

        def lowered(choices: Mapping[str, Choice] | None = None) -> Design:
            return lower(
                network.model,
                names,
                name=self.name,
                board_part=self.board.part,
                clock_ns=wanted.clock_ns,
                io=wanted.io,
                choices=choices,
                precision=wanted.precision,
            )

        design = fit(lowered, room, wanted.strategies, wanted.reuse_factor, wanted.tool)
        report = simulate(design, self.board, tool=wanted.tool)
        _check_exact(design)
        sources, targets = ends(design)
        region = Region(
            name="fpga0",
            device=device.name,
            nodes=names,
            inputs=tuple(tensor.onnx_name for tensor in sources),
            outputs=tuple(tensor.onnx_name for tensor in targets),
            model=network.model,
            reason=_fpga_reason(report),
            design=design,
            report=report,
        )
        return replace(region, predicted_s=device.estimate(region).seconds)


def room_of(board: Board, share: float) -> Board:
    """A board whose fabric is this share of another's usable one."""
    counts = {name: int(count * share) for name, count in board.usable_resources.as_dict().items()}
    return replace(board, resources=Resources(**counts), usable=dict.fromkeys(counts, 1.0))


def room_beside(board: Board, used: Resources) -> Board:
    """A board whose fabric is what a design of these resources leaves of another's usable one."""
    taken = used.as_dict()
    counts = {name: max(0, count - taken[name]) for name, count in board.usable_resources.as_dict().items()}
    return replace(board, resources=Resources(**counts), usable=dict.fromkeys(counts, 1.0))


def _resources(offer: Offer) -> Resources:
    assert offer.region.report is not None
    return offer.region.report.resources


def _hold(sets: Iterable[tuple[Offer, ...]], pinned: Sequence[int]) -> list[tuple[Offer, ...]]:
    """The sets that hold every pinned node."""
    wanted = set(pinned)
    return [each for each in sets if wanted <= {number for offer in each for number in offer.numbers}]


def without_passed(network: Network, numbers: Sequence[int]) -> tuple[int, ...]:
    """A region without the quantisers of values from outside that are read outside too: they would make an output of
    an input. The region then begins behind them, where the value has its type."""
    kept = set(numbers)
    entering: set[int] = set()
    for number in numbers:
        node = network.nodes[number]
        source = node.inputs[0]
        if not computes(node) and source is not None and source.const_value is None:
            made = set(network.predecessors[number]) & kept
            if made <= entering:
                entering.add(number)
    for number in sorted(entering, reverse=True):
        inside = {network.nodes[each] for each in kept}
        values = network.nodes[number].outputs
        if any(value.is_graph_output() or not set(value.consumers()) <= inside for value in values):
            kept.remove(number)
    return tuple(sorted(kept))


def corrections(designs: Iterable[Design], wanted: int | None) -> tuple[str, ...]:
    """A sentence where the reuse factor that was asked for is not valid for some layers."""
    layers = [layer for design in designs for layer in design.layers]
    changed = [layer for layer in layers if products(layer) and layer.reuse_factor != wanted]
    if wanted is None or not changed:
        return ()
    taken = ", ".join(f"{layer.name} has {layer.reuse_factor}" for layer in changed)
    return (f"Reuse factor {wanted} is not valid for every layer, so the closest valid one was taken: {taken}.",)


def in_turn(regions: Sequence[Region], board: Board) -> tuple[str, ...]:
    """A sentence where regions take turns on the board."""
    wait = reconfiguration_seconds(regions, board)
    if not wait:
        return ()
    names = ", ".join(region.name for region in regions)
    return (f"No bitstream holds {names} together: they take turns, and each waits {seconds(wait)} for its own.",)


def partial(offers: Offers) -> tuple[str, ...]:
    """A sentence where only a part of the largest region fits."""
    report = offers.rejected
    return (
        ()
        if report is None
        else (f"Only a part goes to the FPGA, as all of what it could run is too large: {report.misfit()}",)
    )


def _check_exact(design: Design) -> None:
    """Raise ModelError where the virtual board could not run the design bit for bit, which one sample tells."""
    try:
        design.run([np.zeros((1, *design.tensors[name].shape)) for name in design.inputs])
    except NotImplementedError as error:
        raise ModelError(f"the FPGA's design cannot be simulated exactly: {error}") from error


def _fpga_reason(report: Report) -> str:
    name, share = max(report.utilisation.items(), key=lambda item: item[1])
    return (
        f"it fits {report.board}: {name.upper()} is the scarcest at {share:.0%} of the device; "
        f"latency {report.latency_cycles.worst:,} cycles, interval {report.interval_cycles.worst:,}"
    )
