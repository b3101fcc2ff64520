"""What floats carry exactly: integers up to 2**24 in float32, up to 2**53 in float64, whatever power of two they are
scaled by. Ranges are known before any sample is seen, so that which of the two suffices is proved, not measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weft.hls.precision import FixedType

Floats = NDArray[Any]  # float32 or float64, holding raw integers; (*shape, N): the batch is the last axis


class Inexact(Exception):  # noqa: N818  # not an error: the layer then runs in int64
    """Floats cannot be shown to be exact here."""


class Span(NamedTuple):
    """What is known of a tensor before any sample: its type, and a range of raw integers that holds all of them."""

    type: FixedType
    low: int
    high: int
    shape: tuple[int, ...]  # without the batch


class Step(NamedTuple):
    """A layer in floats: what it does to its operands, and the range of what it gives."""

    run: Callable[..., Floats]
    low: int
    high: int


class Cast(NamedTuple):
    """An assignment to a fixed-point type: `finish(x * scale)`, where x holds raw integers of the type before."""

    scale: float
    finish: Callable[[Floats], Floats]  # may write into its argument
    dtype: np.dtype[Any]  # what `x * scale` must be held in
    low: int
    high: int

    def apply(self, x: Floats) -> Floats:
        """The cast of `x`, which is left as it is."""
        if self.scale == 1 and self.finish is _as_it_is:
            return x
        return self.finish(np.multiply(x, self.scale, dtype=self.dtype))


def carrier(low: int, high: int) -> np.dtype[Any]:
    """The smallest float type that holds every integer from `low` to `high`."""
    largest = max(-low, high)
    if largest <= 2**24:
        return np.dtype(np.float32)
    if largest <= 2**53:
        return np.dtype(np.float64)
    raise Inexact


def cast(to: FixedType, fraction: int, low: int, high: int, *, relu: bool = False) -> Cast:
    """The cast to `to` of raw integers with `fraction` fraction bits between `low` and `high`; with `relu`, of their
    positive part. (Rounding keeps order and zero, so it may come before the positive part is taken.)"""
    shift = to.fraction - fraction
    slack = 1 << max(0, -shift)  # adding a half needs a bit to itself
    held = carrier(low - slack, high + slack)
    finish: list[Callable[[Floats], Floats]] = []
    if shift < 0:
        if to.rounding not in _ROUND:
            raise Inexact
        finish.append(_ROUND[to.rounding])
        low, high = low >> -shift, -(-high >> -shift)
    else:
        low, high = low << shift, high << shift
    floor, ceiling = (max(low, 0), max(high, 0)) if relu else (low, high)
    bottom = -to.maximum if to.overflow == "SAT_SYM" and to.signed else to.minimum
    if floor >= bottom and high <= to.maximum:
        if floor > low:
            finish.append(lambda x: np.maximum(x, 0, out=x))
        low, high = floor, ceiling
    elif to.overflow in ("SAT", "SAT_SYM"):
        low, high = min(max(floor, bottom), to.maximum), min(max(ceiling, bottom), to.maximum)
        held = max(held, carrier(low, high))
        finish.append(_clip(low, high))
    elif to.overflow == "WRAP":
        if floor > low:
            finish.append(lambda x: np.maximum(x, 0, out=x))
        held = max(held, carrier(low - 2 * slack - 2**to.width, high + 2 * slack + 2**to.width))
        low, high = to.minimum, to.maximum
        finish.append(_wrap(to))
    else:
        raise Inexact
    return Cast(2.0**shift, _then(finish, carrier(low, high)), held, low, high)


def _then(actions: list[Callable[[Floats], Floats]], dtype: np.dtype[Any]) -> Callable[[Floats], Floats]:
    if not actions:
        return _as_it_is

    def finish(x: Floats) -> Floats:
        for action in actions:
            x = action(x)
        return x.astype(dtype, copy=False)

    return finish


def _as_it_is(x: Floats) -> Floats:
    return x


def _clip(low: int, high: int) -> Callable[[Floats], Floats]:
    return lambda x: np.clip(x, low, high, out=x)


def _wrap(to: FixedType) -> Callable[[Floats], Floats]:
    """Whole turns taken off: scaling by a power of two, floor and the difference are each exact."""
    turn = 2.0**to.width

    def wrap(x: Floats) -> Floats:
        turns = np.subtract(x, to.minimum)
        turns *= 1 / turn
        np.floor(turns, out=turns)
        turns *= turn
        return np.subtract(x, turns, out=x)

    return wrap


def _half_up(x: Floats) -> Floats:
    x += 0.5  # exact: `cast` keeps a bit for it
    return np.floor(x, out=x)


def _half_down(x: Floats) -> Floats:
    x -= 0.5
    return np.ceil(x, out=x)


_ROUND: dict[str, Callable[[Floats], Floats]] = {
    "TRN": lambda x: np.floor(x, out=x),
    "TRN_ZERO": lambda x: np.trunc(x, out=x),
    "RND": _half_up,
    "RND_MIN_INF": _half_down,
    "RND_CONV": lambda x: np.rint(x, out=x),
}
