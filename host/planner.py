"""`plan`: split a network over devices.

The FPGA comes first: the largest convex region that hls4ml can build goes there if it fits the board; the rest stays
on the CPU. Every decision carries its reason in words.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards import Board, load_board
from weft.boards.errors import InputError, ModelError
from weft.hls.compress import Compressed, compress
from weft.hls.design import Design, Io
from weft.hls.load import load
from weft.hls.lower import Choice, Strategy, lower, products
from weft.hls.lowering import QUANTISERS
from weft.hls.precision import FixedType
from weft.hls.quantised import is_quantised
from weft.host.device import Region
from weft.host.devices.cpu import CpuDevice
from weft.host.devices.fpga import FpgaDevice
from weft.host.devices.names import kind, parse_devices
from weft.host.graph import Network, read_network
from weft.host.plan import Configuration, Plan, Transfer
from weft.host.regions import split
from weft.host.streams import ends
from weft.host.tuning import STRATEGIES, TooLargeError, shrink_fifos, tune
from weft.sim import Report
from weft.sim.cost.model import NEWEST_TOOL, checked_tool

Calibration = NDArray[Any] | Mapping[str, NDArray[Any]]


def plan(
    model: Any,
    *,
    board: str | Path | Board,
    devices: str | Iterable[str] = ("fpga", "cpu"),
    objective: str = "latency",
    strategy: str | None = None,
    reuse_factor: int | None = None,
    precision: str | FixedType | None = None,
    io: str | None = None,
    clock_ns: float | None = None,
    tool: str | None = None,
    calibration: Calibration | None = None,
) -> Plan:
    """Plan `model` (whatever `weft.load` reads, or what `weft.compress` returned) for a board.

    `strategy`, `reuse_factor`, `precision`, `io` ("stream" or "parallel") and `clock_ns` replace what the plan would
    choose. `tool` ("vitis-2023.2", "vivado-2020.1"; the newest by default) is the HLS tool whose schedule the estimates
    foretell. Raises InputError for an option that cannot be, ModelError for a network that no device can run, and
    DoesNotFitError where the FPGA is the only device and its region is too large.
    """
    if objective != "latency":
        raise InputError(f"objective {objective!r} does not exist: use 'latency'")
    target = load_board(board)
    configuration = _configuration(target, strategy, reuse_factor, precision, io, clock_ns, tool)
    loaded = model.model.clone() if isinstance(model, Compressed) else load(model)
    planner = _Planner(_name(model, loaded), target, parse_devices(devices), configuration, calibration)
    return planner.plan(loaded)


@dataclass(frozen=True)
class _Planner:
    name: str
    board: Board
    devices: tuple[str, ...]
    configuration: Configuration
    calibration: Calibration | None

    def plan(self, model: ir.Model) -> Plan:
        """The FPGA's region with what comes before and after it, or everything on the CPU."""
        fpga = next((name for name in self.devices if kind(name) == "fpga"), None)
        if fpga is None:
            return self._on_cpu(model, "the CPU is the only device that was asked for")
        device = FpgaDevice(fpga, self.board, self.configuration.io)
        if "cpu" not in self.devices:
            self._require_all(device, model)
        refused = [f"{node.name}: {device.supports(node)}" for node in model.graph if device.supports(node)]
        if not any(_computes(node) and not device.supports(node) for node in model.graph):
            return self._on_cpu(model, next(iter(refused), "the network computes nothing"))
        try:
            fixed, notes = self._fixed_point(model)
            return self._on_fpga(device, fixed, notes)
        except (TooLargeError, ModelError) as error:
            if "cpu" not in self.devices:
                raise
            rejected = error.report if isinstance(error, TooLargeError) else None
            return replace(self._on_cpu(model, str(error)), rejected=rejected)

    def _require_all(self, device: FpgaDevice, model: ir.Model) -> None:
        for node in model.graph:
            if refusal := device.supports(node):
                raise ModelError(f"node {node.name!r} cannot run on {device.name}: {refusal}; add cpu to the devices")

    def _fixed_point(self, model: ir.Model) -> tuple[ir.Model, tuple[str, ...]]:
        """The model with fixed-point types: as it is if it has them or a precision was given, otherwise compressed."""
        if self.configuration.precision is not None or is_quantised(model):
            return model, ()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the note below says it
                found = compress(model, "fixed16", calibration=self.calibration).model
        except InputError as error:
            if self.calibration is not None:
                raise
            raise ModelError(str(error)) from error  # no random data for such inputs: the CPU needs none
        data = "random data" if self.calibration is None else "the calibration data"
        advice = ": pass calibration for better ones" if self.calibration is None else ""
        start = "The model was not compressed and no precision was given: its 16-bit fixed-point types are from"
        note = f"{start} {data}{advice}."
        return found, (note,)

    def _on_cpu(self, model: ir.Model, reason: str) -> Plan:
        network = read_network(model)
        region = self._cpu_region(network, "cpu0", range(len(network.nodes)), reason)
        return self._finished(model, [region], ())

    def _on_fpga(self, device: FpgaDevice, model: ir.Model, notes: tuple[str, ...]) -> Plan:
        network = read_network(model)
        refusals = [device.supports(node) for node in network.nodes]
        parts = split(network.predecessors, [not refusal for refusal in refusals], network.work)
        if not any(_computes(network.nodes[number]) for number in parts.region):
            raise ModelError("no region that the FPGA could take computes anything")
        middle = self._fpga_region(network, device, parts.region)
        assert middle.design is not None
        before = self._cpu_region(network, "cpu0", parts.before, _cpu_reason(network, parts.before, refusals))
        name = "cpu0" if before is None else "cpu1"
        after = self._cpu_region(network, name, parts.after, _cpu_reason(network, parts.after, refusals))
        return self._finished(model, [before, middle, after], (*notes, *self._corrections(middle.design)))

    def _fpga_region(self, network: Network, device: FpgaDevice, numbers: Sequence[int]) -> Region:
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

        design, report = tune(lowered(), self.board, lowered, wanted.strategies, wanted.reuse_factor, wanted.tool)
        design, report = shrink_fifos(design, self.board, report, wanted.tool)
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

    def _cpu_region(self, network: Network, name: str, numbers: Sequence[int], reason: str) -> Region | None:
        inputs, outputs = network.ends(numbers)
        if not outputs:
            return None
        device = CpuDevice(self.board)
        for number in numbers:
            if refusal := device.supports(network.nodes[number]):
                raise ModelError(f"node {network.nodes[number].name!r} cannot run on the CPU: {refusal}")
        region = Region(name, "cpu", network.names(numbers), inputs, outputs, network.model, reason)
        return replace(region, predicted_s=device.estimate(region).seconds)

    def _corrections(self, design: Design) -> tuple[str, ...]:
        """A sentence where the reuse factor that was asked for is not valid for some layers."""
        wanted = self.configuration.reuse_factor
        changed = [layer for layer in design.layers if products(layer) and layer.reuse_factor != wanted]
        if wanted is None or not changed:
            return ()
        taken = ", ".join(f"{layer.name} has {layer.reuse_factor}" for layer in changed)
        return (f"Reuse factor {wanted} is not valid for every layer, so the closest valid one was taken: {taken}.",)

    def _finished(self, model: ir.Model, found: Sequence[Region | None], notes: tuple[str, ...]) -> Plan:
        regions = tuple(region for region in found if region is not None)
        transfers = _transfers(regions, self.board)
        seconds = [region.predicted_s for region in regions] + [move.predicted_s for move in transfers]
        return Plan(
            name=self.name,
            board=self.board,
            devices=self.devices,
            model=model,
            regions=regions,
            transfers=transfers,
            predicted_s=sum(seconds),
            configuration=self.configuration,
            notes=notes,
        )


def _check_exact(design: Design) -> None:
    """Raise ModelError where the virtual board could not run the design bit for bit, which one sample tells."""
    try:
        design.run([np.zeros((1, *design.tensors[name].shape)) for name in design.inputs])
    except NotImplementedError as error:
        raise ModelError(f"the FPGA's design cannot be simulated exactly: {error}") from error


def _computes(node: ir.Node) -> bool:
    """False for the annotations that give a value its fixed-point type."""
    return node.op_type not in QUANTISERS


def _transfers(regions: Sequence[Region], board: Board) -> tuple[Transfer, ...]:
    """What crosses the link for the FPGA's region; the launch is counted with the first way in."""
    made = {name: region.name for region in regions for name in region.outputs}
    used = {name: region.name for region in regions for name in region.inputs}
    transfers = []
    for region in regions:
        if region.design is None:
            continue
        launch = board.link.launch_us * 1e-6
        sources, targets = ends(region.design)
        for tensor in sources:
            count = tensor.stream_bytes
            seconds = launch + count / board.link.bytes_per_s
            transfers.append(Transfer(made.get(tensor.onnx_name, "host"), region.name, count, seconds))
            launch = 0.0
        for tensor in targets:
            count = tensor.stream_bytes
            seconds = count / board.link.bytes_per_s
            transfers.append(Transfer(region.name, used.get(tensor.onnx_name, "host"), count, seconds))
    return tuple(transfers)


def _cpu_reason(network: Network, numbers: Sequence[int], refusals: Sequence[str]) -> str:
    for number in numbers:
        if refusals[number]:
            return f"{network.nodes[number].name}: {refusals[number]}"
    return "a board holds one design at a time, and the FPGA's region has more work"


def _fpga_reason(report: Report) -> str:
    name, share = max(report.utilisation.items(), key=lambda item: item[1])
    return (
        f"it fits {report.board}: {name.upper()} is the scarcest at {share:.0%} of the device; "
        f"latency {report.latency_cycles.worst:,} cycles, interval {report.interval_cycles.worst:,}"
    )


def _configuration(
    board: Board,
    strategy: str | None,
    reuse_factor: int | None,
    precision: str | FixedType | None,
    io: str | None,
    clock_ns: float | None,
    tool: str | None,
) -> Configuration:
    strategies: tuple[Strategy, ...] = tuple(name for name in STRATEGIES if strategy in (None, name))
    if not strategies:
        raise InputError(f"strategy {strategy!r} does not exist: use {' or '.join(STRATEGIES)}")
    if reuse_factor is not None and reuse_factor < 1:
        raise InputError(f"reuse factor {reuse_factor} is not valid: use 1 (everything in parallel) or more")
    if io not in (None, "stream", "io_stream", "parallel", "io_parallel"):
        raise InputError(f"io {io!r} does not exist: use 'stream' or 'parallel'")
    style: Io = "io_parallel" if io in ("parallel", "io_parallel") else "io_stream"
    period = board.clock.period_ns if clock_ns is None else float(clock_ns)
    fastest = 1e3 / board.clock.maximum_mhz
    if not isfinite(period) or not fastest * (1 - 1e-9) <= period <= 1e3:
        raise InputError(f"a clock of {clock_ns} ns cannot be had on {board.name}: use {fastest:.2f} to 1000 ns")
    kept = FixedType.parse(precision) if isinstance(precision, str) else precision
    return Configuration(style, period, strategies, reuse_factor, kept, checked_tool(tool or NEWEST_TOOL))


def _name(given: Any, model: ir.Model) -> str:
    """A name that is safe in files, Tcl and C++: from the file the model came from, or from its graph."""
    raw = Path(given).stem if isinstance(given, (str, Path)) else (model.graph.name or "")
    name = re.sub(r"[^A-Za-z0-9]+", "_", raw).strip("_")[:40]
    return name if re.match(r"[A-Za-z]", name) else f"model_{name}".rstrip("_")
