"""The shortest way for a network that is one region on the CPU: the feeds go to ONNX Runtime as they are.

A small network takes ONNX Runtime a few microseconds, so looking at feeds and writing down what ran would cost more
than the 3 % that a session may: ONNX Runtime looks at them itself, what it refuses is looked at again here to say what
is wrong, and `last_run` is made when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.host.device import Region
from weft.host.devices.cpu import CpuProgram
from weft.host.feeds import NodeArg, check_feeds, check_names
from weft.host.last_run import LastRun, region_run
from weft.host.step import Step

# Seconds, and of each input its shape, whether it was used in place, and its bytes: the arrays are the caller's own.
Seen = tuple[float, list[tuple[tuple[int, ...], bool, int]]]


class Direct:
    """One region on the CPU whose ends are the network's."""

    def __init__(
        self,
        region: Region,
        program: CpuProgram,
        inputs: Sequence[NodeArg],
        outputs: Sequence[NodeArg],
        fallback: str = "",
    ) -> None:
        """`fallback` says why the region is on the CPU where it was planned for another device."""
        self._region, self._program, self._fallback = region, program, fallback
        self._inputs, self._outputs = inputs, outputs
        self._every = [argument.name for argument in outputs]
        self._call = program.call

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> tuple[list[NDArray[Any]], Seen]:
        """Outputs in the order asked for, and what `last_run` is made of."""
        began = perf_counter()
        try:
            results = self._call(self._every if output_names is None else output_names, feeds, None)
        except Exception:  # ONNX Runtime's have no base of their own; what is wrong is said there
            results = self._carefully(output_names, feeds)
        took = perf_counter() - began
        try:
            return results, (took, [(value.shape, value.flags.c_contiguous, value.nbytes) for value in feeds.values()])
        except AttributeError:  # lists of numbers, which ONNX Runtime takes as well
            arrays = [np.asarray(value) for value in feeds.values()]
            return results, (took, [(value.shape, False, value.nbytes) for value in arrays])

    def _carefully(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        wanted = self._every if output_names is None else list(output_names)
        check_names(self._outputs, wanted)
        check_feeds(self._inputs, feeds)
        return self._program.run_named(wanted, dict(feeds))

    def last_run(self, seen: Seen) -> LastRun:
        """Describe a call."""
        took_s, inputs = seen
        samples = next((shape[0] for shape, _, _ in inputs if shape), 1)
        copied = [size for (_, in_place, size) in inputs if not in_place]
        run = region_run(self._region, self._program, samples, (len(copied), sum(copied)), 0.0, took_s, self._fallback)
        return LastRun((run,), took_s)


def direct(steps: Sequence[Step], inputs: Sequence[NodeArg], outputs: Sequence[NodeArg]) -> Direct | None:
    """The short way where there is one: not for strings and sequences, which take longer than to be looked at."""
    numbers = all(argument.dtype is not None and argument.dtype.kind != "O" for argument in inputs)
    if not numbers or len(steps) != 1 or not isinstance(steps[0].program, CpuProgram):
        return None
    region, fallback = steps[0].region, steps[0].fallback
    whole = {argument.name for argument in inputs} == set(region.inputs)
    whole = whole and {argument.name for argument in outputs} == set(region.outputs)
    return Direct(region, steps[0].program, inputs, outputs, fallback) if whole else None
