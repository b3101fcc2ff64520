"""The shortest way for a network that is one region on the CPU: the feeds go to ONNX Runtime as they are.

A small network takes ONNX Runtime a few microseconds, so whatever looks at feeds in Python would double that. ONNX
Runtime looks at them itself, and what it refuses is looked at again here, to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from weft.boards.errors import DeviceError
from weft.host.device import Region, samples_in
from weft.host.devices.cpu import CpuProgram
from weft.host.feeds import NodeArg, check_feeds, check_names
from weft.host.last_run import LastRun, region_run
from weft.host.step import Step

Ran = tuple[list[NDArray[Any]], Callable[[], LastRun]]


class Direct:
    """One region on the CPU whose ends are the network's."""

    def __init__(
        self, region: Region, program: CpuProgram, inputs: Sequence[NodeArg], outputs: Sequence[NodeArg]
    ) -> None:
        self._region, self._program = region, program
        self._inputs, self._outputs = inputs, outputs
        self._every = [argument.name for argument in outputs]

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> Ran:
        """Outputs in the order asked for, and what makes `last_run` of it when that is read."""
        wanted = self._every if output_names is None else list(output_names)
        given = feeds if type(feeds) is dict else dict(feeds)
        began = perf_counter()
        try:
            results = self._program.run_named(wanted, given)
        except DeviceError:
            check_names(self._outputs, wanted)
            check_feeds(self._inputs, given)
            raise
        took = perf_counter() - began
        copied = self._program.copies(given)
        return results, partial(self._last_run, samples_in(given), copied, took)

    def _last_run(self, samples: int, copied: tuple[int, int], took_s: float) -> LastRun:
        return LastRun((region_run(self._region, self._program, samples, copied, 0.0, took_s),), took_s)


def direct(steps: Sequence[Step], inputs: Sequence[NodeArg], outputs: Sequence[NodeArg]) -> Direct | None:
    """The short way where there is one."""
    if len(steps) != 1 or not isinstance(steps[0].program, CpuProgram):
        return None
    region = steps[0].region
    whole = {argument.name for argument in inputs} == set(region.inputs)
    whole = whole and {argument.name for argument in outputs} == set(region.outputs)
    return Direct(region, steps[0].program, inputs, outputs) if whole else None
