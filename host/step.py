"""One region of a session on its device or, once the device has failed and that was allowed, on the CPU."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from weft.boards.errors import ArtefactError, DeviceError, ToolError
from weft.host.device import Arrays, Program, Region, samples_in
from weft.host.last_run import RegionRun, copies, region_run

# What a device that cannot be had raises, a build that is missing or wrong among it; never what is wrong with feeds.
_UNAVAILABLE = (DeviceError, ToolError, ArtefactError)


@dataclass(frozen=True)
class _Placed:
    """A program, what to hold while it runs, and why it is not the one that was planned ("" where it is)."""

    program: Program
    turn: AbstractContextManager[object]
    fallback: str = ""


class Step:
    """A region made ready to run."""

    def __init__(
        self,
        region: Region,
        prepare: Callable[[], Program],
        turn: AbstractContextManager[object],
        stand_in: Callable[[], Program] | None,
    ) -> None:
        """`prepare` makes the region's program, which runs while `turn` is held.

        `stand_in` makes the one on the CPU that takes its place where the device cannot be had or fails; with None
        that is raised.
        """
        self.region = region
        self._stand_in = stand_in
        self._switching = threading.Lock()
        self._retired: list[Program] = []
        try:
            self._placed = _Placed(prepare(), turn)
        except _UNAVAILABLE as error:
            if stand_in is None:
                raise
            self._placed = self._on_cpu(stand_in, error)

    @property
    def program(self) -> Program:
        """The program that runs now."""
        return self._placed.program

    @property
    def fallback(self) -> str:
        """Why it runs on the CPU in place of its device; "" where it does not."""
        return self._placed.fallback

    def run(self, values: Arrays, call_began: float) -> RegionRun:
        """Take the region's inputs from `values` and add its outputs. `call_began` is of `time.perf_counter`."""
        inputs = {name: values[name] for name in self.region.inputs}
        began = time.perf_counter()
        placed, outputs = self._outputs(inputs)
        took = time.perf_counter() - began
        values.update(outputs)
        samples, copied = samples_in(inputs), copies(self.region, placed.program, inputs)
        return region_run(self.region, placed.program, samples, copied, began - call_began, took, placed.fallback)

    def _outputs(self, inputs: Mapping[str, Any]) -> tuple[_Placed, Arrays]:
        placed = self._placed
        try:
            with placed.turn:
                return placed, placed.program.run(inputs)
        except DeviceError as error:
            if self._stand_in is None or placed.fallback:
                raise
            self._replace(placed, self._stand_in, error)
        placed = self._placed
        return placed, placed.program.run(inputs)

    def _replace(self, failed: _Placed, stand_in: Callable[[], Program], error: DeviceError) -> None:
        with self._switching:  # of several calls that fail together, the first switches
            if self._placed is failed:
                self._placed = self._on_cpu(stand_in, error)
                self._retired.append(failed.program)  # others may be in it still: it is closed with the session

    def _on_cpu(self, stand_in: Callable[[], Program], error: Exception) -> _Placed:
        program = stand_in()
        name, device = self.region.name, self.region.device
        warnings.warn(f"region {name!r} runs on the CPU from now on, as {device} failed: {error}", stacklevel=3)
        return _Placed(program, nullcontext(), str(error))

    def close(self) -> None:
        """Release the programs; a second call does nothing."""
        for program in (self._placed.program, *self._retired):
            program.close()
