"""`tune`: measure a device once, so that its matrix products are cut the way that suits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import NamedTuple

import numpy as np

from weft.boards.errors import DeviceError
from weft.host.opencl.context import Context
from weft.host.opencl.errors import opencl, opencl_errors
from weft.host.opencl.expression import Expression
from weft.host.opencl.gemm import Matrices, Size, Window, multiply
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
_SMALL = 16  # floats, of which there are too few to take any time
_COPY = 1 << 26  # bytes copied to measure the link and the memory: more than a processor's cache holds
_ROUNDS = 5


class _Layer(NamedTuple):
    """A convolution of 3x3 with as many channels behind it as before, over square images."""

    channels: int
    side: int

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * 9 * (self.channels * self.side) ** 2


_CONVOLUTION = _Layer(64, 56)  # of ResNet-18's first stage (He et al., arXiv 1512.03385, table 1)


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
        convolution_flops_per_s=_CONVOLUTION.operations / _convolution_seconds(context, best),
        run_s=_run_seconds(context),
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
    """Of a chain of small kernels, each of which waits for the one before it, as those of networks do."""
    many = 100
    with _negations(context, many) as schedule:
        schedule.launch()
        return _best(context, schedule.launch) / many


def _run_seconds(context: Context) -> float:
    """Of a region with one small kernel: the copies of an input and an output, and PyOpenCL's own time."""
    values = {"x": np.zeros(_SMALL, np.float32)}
    with _negations(context, 1) as schedule:
        schedule.run(values)
        return _best(context, lambda: schedule.run(values))


@contextmanager
def _negations(context: Context, count: int) -> Iterator[Schedule]:
    lowering = Lowering(context, {}, {})
    taken = last = lowering.allocate((_SMALL,))
    for _ in range(count):
        last = lowering.computed(Expression("(-{0})", (last,), last.shape, last.dtype))
    schedule = Schedule(context, lowering.launches, {"x": taken}, {"y": last}, (), None)
    try:
        with context.lock, opencl_errors("tuning"):
            yield schedule
    finally:
        schedule.close()


def _convolution_seconds(context: Context, tile: Tile) -> float:
    """A convolution of 3x3 as ResNet-18 begins with, with `tile`."""
    layer, lowering = _CONVOLUTION, Lowering(context, {}, {})
    window = Window(layer.side + 2, layer.side + 2, layer.side, (3, 3), (1, 1), (1, 1))
    taps, padded, positions = 9 * layer.channels, (layer.side + 2) ** 2, layer.side**2
    x, weights = lowering.allocate((layer.channels, padded)), lowering.allocate((layer.channels, taps))
    result = lowering.allocate((layer.channels, positions))
    left, right = Matrices(weights, taps, 1), Matrices(x, 0, 1, 1, 1, layer.channels * padded)
    multiply(lowering, left, right, Size(1, layer.channels, positions, taps), result, window=window, tile=tile)
    schedule = Schedule(context, lowering.launches, {"x": x, "w": weights}, {"y": result}, (), None)
    try:
        with context.lock, opencl_errors("tuning"):
            schedule.run({name: np.zeros(tensor.shape, np.float32) for name, tensor in (("x", x), ("w", weights))})
            return _best(context, schedule.launch)
    finally:
        schedule.close()


def _best(context: Context, action: Callable[[], object]) -> float:
    seconds = inf
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        action()
        context.queue.finish()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds
