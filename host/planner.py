"""`plan`: split a network over devices, by preference or by cost; every decision carries its reason in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from weft.boards import Board, load_board
from weft.boards.errors import InputError, ModelError, WeftError
from weft.hls.compress import Compressed
from weft.hls.load import load
from weft.hls.passes.fix_dimensions import size_advice
from weft.hls.precision import FixedType
from weft.hls.quantised import is_quantised
from weft.host.assembly import regions_of, transfers_of, with_reason
from weft.host.configuration import read_configuration
from weft.host.device import Device
from weft.host.devices.fpga import FpgaDevice
from weft.host.devices.names import DESIGN_DEVICES, kind, open_device, parse_devices, takes_designs
from weft.host.devices.xrt import XrtDevice
from weft.host.evaluation import Data
from weft.host.fpga_region import FpgaPlanner, Offers, computes, corrections, fixed_point, in_turn, partial
from weft.host.graph import Network, read_network
from weft.host.objectives import Wish
from weft.host.placement import Offer, Task, crowding, place
from weft.host.plan import Configuration, Plan
from weft.host.quantised_choices import Goal, choose, read_goal
from weft.host.regions import closure, members, reach
from weft.host.steering import Steering, read_steering
from weft.host.tables import quantity, seconds
from weft.host.tuning import TooLargeError


def plan(
    model: Any,
    *,
    board: str | Path | Board,
    devices: str | Iterable[str] = ("fpga", "cpu"),
    objective: str = "preference",
    max_latency_ms: float | None = None,
    max_power_w: float | None = None,
    min_accuracy: float | None = None,
    evaluation: Data | None = None,
    dimensions: Mapping[str, int] | None = None,
    pins: str | Iterable[str] = (),
    forbids: str | Iterable[str] = (),
    without: tuple[str, str] | None = None,
    strategy: str | None = None,
    reuse_factor: int | None = None,
    precision: str | FixedType | None = None,
    io: str | None = None,
    clock_ns: float | None = None,
    tool: str | None = None,
    calibration: Data | None = None,
) -> Plan:
    """Plan `model` (whatever `weft.load` reads, or what `weft.compress` returned) for a board.

    `objective`: "preference" puts as much as it can on the device that is named first, and so on, whatever that costs;
    "latency" (one sample), "throughput" (steady state) and "energy" compare costs, and may leave the FPGA unused.
    `max_latency_ms` of one sample and `max_power_w` of the devices that have a region bound them all. With
    `min_accuracy` (a share) the model is quantised so that its plan is the best of those that are as accurate on
    `evaluation` (see `weft.host.evaluation.read_evaluation`), which should be other samples than `calibration`.
    `dimensions` gives free dimensions of the inputs a size, without which only the CPU and OpenCL run them. `pins`
    ("conv.*=fpga": node names, a regular expression) and `forbids` ("opencl:Softmax") steer; `without` is a device kind
    and a node name to keep apart, for comparison.

    `strategy`, `reuse_factor`, `precision`, `io` ("stream" or "parallel") and `clock_ns` replace what the plan would
    choose. `tool` ("vitis-2023.2", "vivado-2020.1"; the newest by default) is the HLS tool whose schedule the estimates
    foretell. Raises InputError for an option that cannot be met, ModelError for a network that no device can run, and
    DoesNotFitError where the FPGA is the only device and its region is too large.
    """
    target, names = load_board(board), parse_devices(devices)
    wish = Wish(objective, None if max_latency_ms is None else max_latency_ms * 1e-3, max_power_w)
    steering = read_steering(pins, forbids, names, without)
    configuration = read_configuration(target, strategy, reuse_factor, precision, io, clock_ns, tool)
    loaded = _loaded(model, dimensions)
    planner = _Planner(_name(model, loaded), target, names, configuration, calibration, wish, steering)
    if min_accuracy is None and evaluation is None:
        return planner.plan(loaded)
    if min_accuracy is None:
        raise InputError("evaluation is what min_accuracy is measured on: give min_accuracy too")
    return planner.accurate(loaded, read_goal(loaded, min_accuracy, evaluation, calibration))


@dataclass(frozen=True)
class _Planner:
    name: str
    board: Board
    devices: tuple[str, ...]
    configuration: Configuration
    calibration: Data | None
    wish: Wish
    steering: Steering

    def plan(self, model: ir.Model) -> Plan:
        """The plan that is preferred, or of the least cost."""
        plan = self._with_devices(model, self._planned)
        advice = size_advice(model.graph) if any(map(takes_designs, self.devices)) else ""
        if not advice:
            return plan
        return replace(plan, notes=(*plan.notes, f"Free dimensions keep what has them off the FPGA: {advice}."))

    def accurate(self, model: ir.Model, goal: Goal) -> Plan:
        """The plan that is preferred, or of the least cost, of all ways to quantise that reach the goal."""
        only_fpga = all(map(takes_designs, self.devices))
        return choose(model, goal, self.plan, None if only_fpga else self._in_float, self._settled(model))

    def _settled(self, model: ir.Model) -> str:
        """What the types of the network are called where there is nothing to choose."""
        if is_quantised(model):
            return "own types"
        if not any(map(takes_designs, self.devices)):
            return "float"
        return "" if self.configuration.precision is None else str(self.configuration.precision)

    def _in_float(self, model: ir.Model) -> Plan:
        """The best plan that leaves the FPGA unused."""
        plan = self._with_devices(model, self._elsewhere)
        return with_reason(plan, "the network stays in float, which the FPGA's designs do not take")

    def _with_devices(self, model: ir.Model, how: Callable[[Task], Plan]) -> Plan:
        with ExitStack() as opened:
            devices = {name: self._open(name) for name in self.devices}
            for device in devices.values():
                opened.callback(device.close)
            return how(self._task(read_network(model), devices))

    def _elsewhere(self, task: Task) -> Plan:
        found = self._placed(task)
        if found is None:
            raise _impossible(task)
        return found

    def _planned(self, task: Task) -> Plan:
        self.steering.check(task.network.nodes)
        device = next((device for name, device in task.devices.items() if takes_designs(name)), None)
        if device is None:
            return self._elsewhere(task)
        if len(task.devices) == 1:
            _require_all(device, task.network)
        try:
            return self._with_fpga(task, device)
        except (ModelError, TooLargeError) as error:
            found = None if self._pinned(task) else self._placed(task)
            if found is None:
                raise
            rejected = error.report if isinstance(error, TooLargeError) else None
            return replace(with_reason(found, str(error)), rejected=rejected)

    def _task(self, network: Network, devices: Mapping[str, Device]) -> Task:
        return Task(network, devices, self.board, self.steering, self.wish)

    def _open(self, name: str) -> Device:
        match kind(name):
            case "fpga":
                return FpgaDevice(name, self.board, self.configuration.io)
            case "xrt":
                return XrtDevice(name, self.board, self.configuration.io)
        return open_device(name, self.board)

    def _with_fpga(self, task: Task, device: Device) -> Plan:
        """The best plan with a region on the FPGA, or without where that costs less.

        Raises ModelError and TooLargeError where no region can be had, and InputError for a pin that cannot be met.
        """
        compare = self.wish.objective != "preference" and not self._pinned(task)
        other = self._placed(task) if compare else None
        launch_s = self.board.link.launch_us * 1e-6
        if other is not None and self.wish.objective == "latency" and other.value <= launch_s:
            return with_reason(other, f"a launch of the FPGA alone takes {seconds(launch_s)}")
        _require_some(task, device.name)
        model, notes = fixed_point(task.network.model, self.configuration, self.calibration)
        fixed = self._task(read_network(model), task.devices)
        offers = self._offers(fixed, device)
        plans = [self._placed(fixed, each) for each in offers.sets]
        best = min((each for each in plans if each is not None), key=lambda each: each.value, default=None)
        if best is None and not self._pinned(task):
            other = other or self._placed(task)
        if best is None and other is None:
            raise offers.failures[0] if offers.failures else _impossible(fixed)
        if best is None or (other is not None and other.value <= best.value):
            assert other is not None
            return replace(with_reason(other, _why_not(offers, best)), rejected=offers.rejected)
        designs = [region.design for region in best.fpga_regions if region.design is not None]
        turns = in_turn(best.fpga_regions, self.board)
        said = (*notes, *corrections(designs, self.configuration.reuse_factor), *partial(offers), *turns)
        return replace(best, notes=said, rejected=offers.rejected)

    def _offers(self, task: Task, device: Device) -> Offers:
        """Regions for the FPGA; by preference the first and what fits beside it, of nodes that no device named before
        it takes."""
        by_preference, pinned = self.wish.objective == "preference", self._pinned(task)
        refusals = [task.refusal(device.name, node) for node in task.network.nodes]
        for number in pinned:
            if refusals[number]:
                raise InputError(f"a pin to fpga cannot be met: {task.network.nodes[number].name}: {refusals[number]}")
        names = list(task.devices)
        earlier = names[: names.index(device.name)] if by_preference else []
        wanted = [
            not refusal and all(task.refusal(name, node) for name in earlier)
            for node, refusal in zip(task.network.nodes, refusals, strict=True)
        ]
        finder = FpgaPlanner(self.name, task.network, self.board, device, self.configuration)
        offers = finder.offers(wanted, pinned, first_only=by_preference)
        if pinned and not offers.sets:
            why = str(offers.failures[0]) if offers.failures else _in_the_way(task.network, pinned, refusals)
            raise InputError(f"the pins to fpga ({len(pinned)} nodes) cannot be met: {why}")
        if not offers.sets and not offers.failures:
            raise ModelError(f"{earlier[0]} is preferred" if earlier else "no region for the FPGA computes anything")
        return offers if by_preference or not offers.sets else finder.with_cuts(task, offers, pinned)

    def _pinned(self, task: Task) -> list[int]:
        """Numbers of the nodes that are pinned to the FPGA."""
        pins = [self.steering.pin(node) for node in task.network.nodes]
        return [number for number, pin in enumerate(pins) if pin is not None and pin.device in DESIGN_DEVICES]

    def _placed(self, task: Task, offers: Sequence[Offer] = ()) -> Plan | None:
        """The best plan with the FPGA on the nodes of `offers` or nowhere."""
        placed = place(task, offers)
        if placed is None:
            return None
        regions = regions_of(task, placed, offers)
        transfers = transfers_of(regions, task.devices, self.board)
        return Plan(
            name=self.name,
            board=self.board,
            devices=self.devices,
            model=task.network.model,
            regions=regions,
            transfers=transfers,
            predicted_s=sum(part.predicted_s for part in regions) + sum(move.predicted_s for move in transfers),
            configuration=self.configuration,
            objective=self.wish.objective,
            value=placed.solution.value,
            bound=placed.solution.bound,
        )


def _why_not(offers: Offers, best: Plan | None) -> str:
    """Why the plan without the FPGA was taken."""
    if best is None:
        return str(offers.failures[0]) if offers.failures else "no plan with the FPGA keeps the limits"
    return f"with the FPGA, {best.objective} would be {quantity(best.objective, best.value)}"


def _in_the_way(network: Network, pinned: Sequence[int], refusals: Sequence[str]) -> str:
    """Why no region holds all pinned nodes."""
    whole = closure(sum(1 << number for number in pinned), reach(network.predecessors))
    for number in members(whole):
        if refusals[number]:
            return f"{network.nodes[number].name} lies between them: {refusals[number]}"
    return "no set of regions that a board could hold has all of them"


def _impossible(task: Task) -> WeftError:
    """The error for a network of which no plan was found."""
    for node in task.network.nodes:
        refusals = {name: task.refusal(name, node) for name in task.devices if not takes_designs(name)}
        if all(refusals.values()):
            listed = "; ".join(f"{name}: {why}" for name, why in refusals.items())
            return ModelError(f"node {node.name!r} can run on none of the devices: {listed or 'only fpga is given'}")
    if crowded := crowding(task):
        return InputError(
            f"no split was found that the devices have memory for: {crowded}; add a device, or quantise the weights"
        )
    return InputError(
        f"no plan keeps the limits (max_latency_ms, max_power_w) on {', '.join(task.devices)}: raise them"
    )


def _require_some(task: Task, name: str) -> None:
    """Raise ModelError where the FPGA could compute nothing of the network."""
    refused = [f"{node.name}: {why}" for node in task.network.nodes if (why := task.refusal(name, node))]
    if not any(computes(node) and not task.refusal(name, node) for node in task.network.nodes):
        raise ModelError(next(iter(refused), "the network computes nothing"))


def _require_all(device: Device, network: Network) -> None:
    for node in network.nodes:
        if refusal := device.supports(node):
            raise ModelError(f"node {node.name!r} cannot run on {device.name}: {refusal}; add cpu to the devices")


def _loaded(given: Any, dimensions: Mapping[str, int] | None) -> ir.Model:
    """The model; what `compress` returned has been loaded before."""
    if not isinstance(given, Compressed):
        return load(given, dimensions=dimensions)
    return load(given.model, dimensions=dimensions) if dimensions else given.model.clone()


def _name(given: Any, model: ir.Model) -> str:
    """A name that is safe in files, Tcl and C++: from the file the model came from, or from its graph."""
    raw = Path(given).stem if isinstance(given, (str, Path)) else (model.graph.name or "")
    name = re.sub(r"[^A-Za-z0-9]+", "_", raw).strip("_")[:40]
    return name if re.match(r"[A-Za-z]", name) else f"model_{name}".rstrip("_")
