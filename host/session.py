"""`Session`: run a planned or built network, as `onnxruntime.InferenceSession` runs a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import DeviceError, InputError
from weft.host.build import Build, open_build
from weft.host.device import Arrays, sharing
from weft.host.devices.names import kind, parse_devices
from weft.host.direct import Direct, Seen, direct
from weft.host.feeds import NodeArg, check_feeds, check_names, node_args
from weft.host.last_run import LastRun, RegionRun
from weft.host.opened import Opened
from weft.host.pipeline import pipelined
from weft.host.plan import Plan
from weft.host.step import Step

__all__ = ["Session"]

Feeds = Mapping[str, NDArray[Any]]
Results = list[NDArray[Any]]


class Session:
    """Run a network across its devices. Use it in a `with` block, or call `close`.

    Any number of threads may call it at once; a device that takes one call at a time takes them one after the other.
    """

    def __init__(
        self,
        source: Plan | Build | str | Path,
        *,
        devices: str | Iterable[str] | None = None,
        fallback: Literal["cpu"] | None = None,
        threads: int | None = None,
        affinity: str | None = None,
    ) -> None:
        """Make `source` (a plan, a build or its folder) ready to run.

        `devices` replaces the plan's by kind, such as `fpga` by `fpga@pynq://192.168.2.99`. With `fallback="cpu"` a
        region whose device cannot be had, or fails in a run, runs on the CPU from then on, also when the device is
        back; a warning and `last_run` say so. Without it each run tries the device again. `threads` and `affinity` are
        ONNX Runtime's `intra_op_num_threads` and `session.intra_op_thread_affinities`. Raises InputError, DeviceError
        or ToolError where a device cannot be had.
        """
        if fallback not in (None, "cpu"):
            raise InputError(f"fallback {fallback!r} does not exist: use 'cpu', or None to raise what fails")
        build = open_build(source, whole=fallback is None) if isinstance(source, (str, Path)) else source
        self.plan = build.plan if isinstance(build, Build) else build
        bitstreams = build.bitstreams | build.wrong if isinstance(build, Build) else {}
        self._inputs = node_args(self.plan.model.graph.inputs)
        self._outputs = node_args(self.plan.model.graph.outputs)
        self._last: LastRun | tuple[Direct, Seen] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._starting = threading.Lock()
        names = {kind(name): name for name in (self.plan.devices if devices is None else parse_devices(devices))}
        with ExitStack() as stack:
            opened = Opened(self.plan.board, names, stack, threads, affinity, fallback == "cpu")
            self._steps = [
                opened.step(region, bitstreams.get(region.overlay), sharing(region, self.plan.regions))
                for region in self.plan.regions
            ]
            self._direct = direct(self._steps, self._inputs, self._outputs)
            self._open: ExitStack | None = stack.pop_all()

    @property
    def last_run(self) -> LastRun | None:
        """What ran where in the call that ended last; None before the first."""
        last = self._last
        return last[0].last_run(last[1]) if isinstance(last, tuple) else last

    def get_inputs(self) -> list[NodeArg]:
        """The network's inputs."""
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        """The network's outputs."""
        return list(self._outputs)

    def run(self, output_names: Sequence[str] | None, feeds: Feeds) -> Results:
        """Outputs in the order asked for (`None` means every output) for inputs by name; the batch size is free.

        Raises InputError for a wrong name, shape or dtype, and DeviceError where a device fails.
        """
        short = self._direct
        if short is None:
            return self._finish(_through(self._steps, self._begin(output_names, feeds)))
        results, seen = short.run(output_names, feeds)
        self._last = (short, seen)
        return results

    def run_async(self, output_names: Sequence[str] | None, feeds: Feeds) -> Future[Results]:
        """`run` in a thread of the session's: a future of the outputs, or of what `run` raises."""
        with self._starting:
            if self._open is None:
                raise _closed()
            if self._executor is None:  # as many calls at a time as there are regions, which may be on as many devices
                self._executor = ThreadPoolExecutor(1 + len(self._steps), "weft-session")
                self._open.callback(self._executor.shutdown, cancel_futures=True)
            return self._executor.submit(self.run, output_names, feeds)

    def map(self, batches: Iterable[Feeds], output_names: Sequence[str] | None = None) -> Iterator[Results]:
        """The outputs of each batch, in order; devices work on different batches at the same time.

        `batches` is read as results are taken, a few batches ahead at most. What `run` raises for a batch is raised
        in its place and ends the iteration.
        """
        if self._direct is not None:
            yield from (self.run(output_names, feeds) for feeds in batches)
            return
        regions = [list(group) for _, group in groupby(self._steps, key=lambda step: step.region.device)]
        stages = [partial(self._begin, output_names), *(partial(_through, steps) for steps in regions)]
        yield from map(self._finish, pipelined(stages, batches))

    def _begin(self, output_names: Sequence[str] | None, feeds: Feeds) -> _Call:
        if self._open is None:
            raise _closed()
        wanted = [argument.name for argument in self._outputs] if output_names is None else list(output_names)
        check_names(self._outputs, wanted)
        check_feeds(self._inputs, feeds)
        given = {argument.name: feeds[argument.name] for argument in self._inputs}
        tensors = {argument.name for argument in self._inputs if argument.dtype is not None}
        arrays = {name: np.asarray(value) if name in tensors else value for name, value in given.items()}
        return _Call(wanted, self._constant_outputs() | arrays)

    def _finish(self, call: _Call) -> Results:
        self._last = LastRun(tuple(call.runs), time.perf_counter() - call.began)
        return [call.values[name] for name in call.wanted]

    def _constant_outputs(self) -> Arrays:
        """Outputs that are constants of the network, which no region computes."""
        return {
            value.name or "": value.const_value.numpy()
            for value in self.plan.model.graph.outputs
            if value.const_value is not None
        }

    def close(self) -> None:
        """Wait for the calls of `run_async` that have begun, and release every device; a second call does nothing."""
        with self._starting:
            stack, self._open, self._direct = self._open, None, None
        if stack is not None:
            stack.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class _Call:
    """One batch on its way through the regions."""

    wanted: list[str]
    values: Arrays
    runs: list[RegionRun] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)


def _through(steps: Sequence[Step], call: _Call) -> _Call:
    call.runs.extend(step.run(call.values, call.began) for step in steps)
    return call


def _closed() -> DeviceError:
    return DeviceError("the session is closed: make a new one")
