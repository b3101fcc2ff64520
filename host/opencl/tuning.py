"""`tune`: measure a device once, so that its matrix products are cut the way that suits it."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

import numpy as np

from weft.boards.errors import DeviceError
from weft.host.opencl.context import Context
from weft.host.opencl.errors import opencl, opencl_errors
from weft.host.opencl.expression import Expression
from weft.host.opencl.gemm import Matrices, Size, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.profile import Profile, keep_profile
from weft.host.opencl.schedule import Schedule
from weft.host.opencl.tiles import SquareTile, StripTile, Tile

CANDIDATES: tuple[Tile, ...] = (
    *(
        StripTile(tile, vectors, depth)
        for tile, vectors in ((4, 2), (6, 2), (4, 1), (4, 3))
        for depth in (128, 256, 512)
    ),
    *(SquareTile(side) for side in (2, 4, 8)),
)
_SIDE = 512  # of the square matrices that are multiplied: large enough to fill a device, and quick on a processor
_COPY = 1 << 26  # bytes copied to measure the link and the memory: more than a processor's cache holds
_ROUNDS = 5


def tune(context: Context, tell: Callable[[str], None] = lambda _: None) -> Profile:
    """Measure the device and keep its profile. `tell` is called with a line for each tile. Raises DeviceError where no
    tile works."""
    best, rate = None, 0.0
    for tile in CANDIDATES:
        try:
            found = 2 * _SIDE**3 / product_seconds(context, tile, _SIDE)
        except DeviceError as error:
            tell(f"{tile}: {error}")
            continue
        tell(f"{tile}: {found / 1e9:.1f} GFLOP/s")
        if found > rate:
            best, rate = tile, found
    if best is None:
        raise DeviceError(f"no matrix product works on {context.device.name!r}: its driver compiles none of them")
    profile = Profile(
        tile=best,
        flops_per_s=rate,
        bytes_per_s=2 * _COPY / _pass_seconds(context),
        link_bytes_per_s=_COPY / _copy_seconds(context),
        launch_s=_launch_seconds(context),
        tuned=True,
    )
    keep_profile(context.identity, profile)
    context.profile = profile
    return profile


def product_seconds(context: Context, tile: Tile, side: int) -> float:
    """The best of a few runs of a product of two square matrices."""
    lowering = Lowering(context, {}, {})
    ends = [lowering.allocate((side, side)) for _ in range(3)]
    multiply(
        lowering,
        Matrices(ends[0], side, 1),
        Matrices(ends[1], side, 1),
        Size(1, side, side, side),
        ends[2],
        tile=tile,
    )
    schedule = Schedule(context, lowering.launches, dict(zip("ab", ends[:2], strict=True)), {"c": ends[2]}, (), None)
    try:
        zeros = np.zeros((side, side), np.float32)
        with context.lock, opencl_errors("tuning"):
            schedule.run({"a": zeros, "b": zeros})
            return _best(context, schedule.launch)
    finally:
        schedule.close()


def _copy_seconds(context: Context) -> float:
    values = np.zeros(_COPY, np.uint8)
    buffer = context.buffer(_COPY)
    try:
        with context.lock, opencl_errors("tuning"):
            return _best(context, lambda: opencl().enqueue_copy(context.queue, buffer, values))
    finally:
        context.release(buffer)


def _pass_seconds(context: Context) -> float:
    """An elementwise kernel over as many bytes, which it reads and writes."""
    lowering = Lowering(context, {}, {})
    taken = lowering.allocate((_COPY // 4,))
    result = lowering.computed(Expression("(-{0})", (taken,), taken.shape, taken.dtype))
    schedule = Schedule(context, lowering.launches, {"x": taken}, {"y": result}, (), None)
    try:
        with context.lock, opencl_errors("tuning"):
            schedule.launch()
            return _best(context, schedule.launch)
    finally:
        schedule.close()


def _launch_seconds(context: Context) -> float:
    many = 100
    with context.lock, opencl_errors("tuning"):
        kernel = context.kernel("__kernel void nothing(void) {}", "nothing")

        def launch() -> None:
            for _ in range(many):
                opencl().enqueue_nd_range_kernel(context.queue, kernel, (1,), (1,))

        return _best(context, launch) / many


def _best(context: Context, action: Callable[[], object]) -> float:
    seconds = inf
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        action()
        context.queue.finish()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds
