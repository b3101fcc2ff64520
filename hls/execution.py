"""Runs a Design in NumPy over a whole batch, exactly."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from weft.hls.consistency import check_order
from weft.hls.design import Design
from weft.hls.fast.schedule import Schedule, compile_schedule
from weft.hls.precision import Integers
from weft.hls.samples import checked_samples

_SCHEDULES: dict[int, Schedule] = {}  # by a design's id, while it lives: a design cannot be hashed, nor does it change


def run_design(design: Design, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> list[Integers]:
    """Raw outputs, each int64 of shape (N, *tensor.shape), in the order of `design.outputs`.

    Raises InputError for a design out of order and for arrays of the wrong number, shape or dtype, NotImplementedError
    for a layer kind or option whose exact meaning is not known here.
    """
    arrays = checked_samples(inputs, [design.tensors[name] for name in design.inputs], f"design {design.name}")
    return schedule_of(design).run(arrays)


def schedule_of(design: Design) -> Schedule:
    """The design's schedule, compiled the first time it is asked for."""
    schedule = _SCHEDULES.get(id(design))
    if schedule is None:
        check_order(design)
        schedule = _SCHEDULES[id(design)] = compile_schedule(design)
        weakref.finalize(design, _SCHEDULES.pop, id(design), None)
    return schedule
