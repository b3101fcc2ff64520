"""`Session`: run a planned or built network, as `onnxruntime.InferenceSession` runs a model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from weft.boards.errors import DeviceError, InputError
from weft.host.build import Build, open_build
from weft.host.device import Arrays, Device, Program, Region, samples_in
from weft.host.devices.fpga import FpgaDevice
from weft.host.devices.names import kind, open_device, parse_devices
from weft.host.plan import Plan


@dataclass(frozen=True)
class NodeArg:
    """An input or output of the network; `shape` has an int for a fixed axis, and a name or None for a free one."""

    name: str
    shape: tuple[int | str | None, ...]
    type: str  # "tensor(float)", as ONNX Runtime writes it
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class RegionRun:
    """What one region did: `seconds` on this machine's clock, `cycles` by the cycle model (None off the FPGA)."""

    region: str
    device: str
    samples: int
    seconds: float
    bytes: int
    cycles: int | None


@dataclass(frozen=True)
class LastRun:
    """What ran where in one call of `Session.run`."""

    regions: tuple[RegionRun, ...]
    seconds: float


class Session:
    """Run a network across its devices. Use it in a `with` block, or call `close`."""

    def __init__(
        self,
        source: Plan | Build | str | Path,
        *,
        devices: str | Iterable[str] | None = None,
        threads: int | None = None,
    ) -> None:
        """Make `source` (a plan, a build or its folder) ready to run.

        `devices` replaces the plan's by kind, such as `fpga` by `fpga@pynq://192.168.2.99`; `threads` are ONNX
        Runtime's. Raises InputError, DeviceError or ToolError where a device cannot be had.
        """
        build = open_build(source) if isinstance(source, (str, Path)) else source
        plan = build.plan if isinstance(build, Build) else build
        self.plan = plan
        self.last_run: LastRun | None = None
        self._inputs = node_args(plan.model.graph.inputs)
        self._outputs = node_args(plan.model.graph.outputs)
        self._programs: list[tuple[Region, Program]] = []
        names = {kind(name): name for name in (plan.devices if devices is None else parse_devices(devices))}
        with ExitStack() as stack:
            opened: dict[str, Device] = {}
            for region in plan.regions:
                program = self._prepare(region, names, opened, build, threads, stack)
                stack.callback(program.close)
                self._programs.append((region, program))
            self._open: ExitStack | None = stack.pop_all()

    def _prepare(
        self,
        region: Region,
        names: Mapping[str, str],
        opened: dict[str, Device],
        build: Plan | Build,
        threads: int | None,
        stack: ExitStack,
    ) -> Program:
        wanted = kind(region.device)
        if wanted not in names:
            raise InputError(f"region {region.name!r} is planned for {wanted}, which is not among the devices given")
        if wanted not in opened:
            opened[wanted] = open_device(names[wanted], self.plan.board, threads)
            stack.callback(opened[wanted].close)
        device = opened[wanted]
        if isinstance(device, FpgaDevice) and isinstance(build, Build):
            return device.prepare(region, build.bitstream)
        return device.prepare(region)

    def get_inputs(self) -> list[NodeArg]:
        """The network's inputs."""
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        """The network's outputs."""
        return list(self._outputs)

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Outputs in the order asked for (`None` means every output) for inputs by name; the batch size is free.

        Raises InputError for a wrong name, shape or dtype, and DeviceError where a device fails.
        """
        if self._open is None:
            raise DeviceError("the session is closed: make a new one")
        wanted = [arg.name for arg in self._outputs] if output_names is None else list(output_names)
        unknown = [name for name in wanted if name not in {arg.name for arg in self._outputs}]
        if unknown:
            raise InputError(f"output {unknown[0]!r} does not exist: the outputs are {_list(self._outputs)}")
        check_feeds(self._inputs, feeds)
        began = time.perf_counter()
        values: Arrays = {**self._constant_outputs(), **{name: np.asarray(value) for name, value in feeds.items()}}
        runs = [self._run_region(region, program, values) for region, program in self._programs]
        self.last_run = LastRun(tuple(runs), time.perf_counter() - began)
        return [values[name] for name in wanted]

    def _run_region(self, region: Region, program: Program, values: Arrays) -> RegionRun:
        inputs = {name: values[name] for name in region.inputs}
        samples = samples_in(inputs)
        began = time.perf_counter()
        values.update(program.run(inputs))
        seconds = time.perf_counter() - began
        return RegionRun(
            region.name, region.device, samples, seconds, program.bytes_moved(samples), program.cycles(samples)
        )

    def _constant_outputs(self) -> Arrays:
        """Outputs that are constants of the network, which no region computes."""
        return {
            value.name or "": value.const_value.numpy()
            for value in self.plan.model.graph.outputs
            if value.const_value is not None
        }

    def close(self) -> None:
        """Release every device; a second call does nothing."""
        stack, self._open = self._open, None
        if stack is not None:
            stack.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_feeds(arguments: Sequence[NodeArg], feeds: Mapping[str, NDArray[Any]]) -> None:
    """Raise InputError unless `feeds` has every input and nothing else, with the dtype and shape of each."""
    known = {argument.name for argument in arguments}
    for name in feeds:
        if name not in known:
            raise InputError(f"input {name!r} does not exist: the inputs are {_list(arguments)}")
    sizes: dict[str, tuple[int, str]] = {}
    for argument in arguments:
        if argument.name not in feeds:
            raise InputError(f"input {argument.name!r} is missing: the inputs are {_list(arguments)}")
        value = np.asarray(feeds[argument.name])
        if value.dtype != argument.dtype:
            raise InputError(f"input {argument.name!r} has dtype {value.dtype}, and {argument.dtype} is needed")
        _check_shape(argument, value.shape, sizes)


def _check_shape(argument: NodeArg, shape: tuple[int, ...], sizes: dict[str, tuple[int, str]]) -> None:
    expected = "(" + ", ".join("?" if axis is None else str(axis) for axis in argument.shape) + ")"
    if len(shape) != len(argument.shape):
        raise InputError(f"input {argument.name!r} has shape {shape}, and {expected} is needed")
    for size, axis in zip(shape, argument.shape, strict=True):
        if isinstance(axis, int) and axis != size:
            raise InputError(f"input {argument.name!r} has shape {shape}, and {expected} is needed")
        if isinstance(axis, str):
            first, owner = sizes.setdefault(axis, (size, argument.name))
            if first != size:
                raise InputError(f"inputs {owner!r} and {argument.name!r} differ in axis {axis!r}: {first} and {size}")


def node_args(values: Iterable[ir.Value]) -> list[NodeArg]:
    """The inputs or outputs of a graph, described."""
    return [_node_arg(value) for value in values]


def _node_arg(value: ir.Value) -> NodeArg:
    name = value.name or ""
    if value.dtype is None or value.shape is None:
        raise InputError(f"tensor {name!r} has no type or no shape, so it cannot be an end of the network")
    shape = tuple(axis if isinstance(axis, int) else axis.value for axis in value.shape)
    try:
        dtype = np.dtype(value.dtype.numpy())
    except TypeError:
        raise InputError(f"tensor {name!r} has element type {value.dtype}, which NumPy cannot hold") from None
    kind = {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
    return NodeArg(name, shape, f"tensor({kind})", dtype)


def _list(arguments: Sequence[NodeArg]) -> str:
    return ", ".join(argument.name for argument in arguments)
