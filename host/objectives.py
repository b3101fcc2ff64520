"""What a plan is to minimise, and within which limits.

`preference` follows the order in which devices were named: it minimises the share of the work that is not on the first
one, and a region must bring a hundredth of the work to be made. `latency` is the time of one sample; `throughput` the
time between samples in the steady state, a pipeline whose slowest device counts, with launches shared by a batch;
`energy` the joules of one sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from weft.boards.errors import InputError
from weft.host.problem import Floats

OBJECTIVES = ("preference", "latency", "throughput", "energy")
BATCH = 100  # samples that share a launch in the steady state
# Of the work, for a region of its own: many small ones exhaust a device's queues (openvino issue 123).
SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Spent:
    """Arrays of one shape: seconds of one sample, seconds a sample in the steady state, joules, and share of the work
    (counted once for each device that was named before)."""

    seconds: Floats
    steady_s: Floats
    joules: Floats
    share: Floats


@dataclass(frozen=True)
class Wish:
    """What a plan is to minimise, and its limits: seconds of one sample, watts of all devices that have a region."""

    objective: str = "preference"
    max_latency_s: float | None = None
    max_power_w: float | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InputError(f"objective {self.objective!r} does not exist: use {', '.join(OBJECTIVES)}")
        for name, limit in (("max_latency_ms", self.max_latency_s), ("max_power_w", self.max_power_w)):
            if limit is not None and not 0 < limit < inf:
                raise InputError(f"{name} must be a positive number")

    def criteria(self, spent: Spent, device: int, count: int) -> Floats:
        """What is spent on one of `count` devices, (..., K): the objective's criteria, then the limited one."""
        match self.objective:
            case "preference":
                columns = [spent.share]
            case "latency":
                columns = [spent.seconds]
            case "energy":
                columns = [spent.joules]
            case _:
                columns = [spent.steady_s if each == device else 0 * spent.steady_s for each in range(count)]
        return np.stack([*columns, *([] if self.max_latency_s is None else [spent.seconds])], axis=-1)
