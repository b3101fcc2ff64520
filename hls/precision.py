"""Fixed-point types and their exact integer arithmetic, as ap_fixed defines them (Vitis HLS UG1399, "Arbitrary
Precision Fixed-Point Data Types").

A value is carried as its *raw* integer: value = raw * 2**-fraction. All casts here work on raw integers, so they are
bit-exact whatever the width.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import InputError

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
Overflow = Literal["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]
Integers = NDArray[np.int64]

_PATTERN = re.compile(r"(?:ap_)?(u?)(fixed|int)<\s*([^<>]*)>", re.ASCII)


@dataclass(frozen=True)
class FixedType:
    """`ap_fixed<width, integer, rounding, overflow>`; `signed=False` is `ap_ufixed`. Default modes are ap_fixed's."""

    width: int
    integer: int
    signed: bool = True
    rounding: Rounding = "TRN"
    overflow: Overflow = "WRAP"

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 64:
            raise InputError(f"fixed-point width {self.width} is outside 1 to 64 bits")

    @property
    def fraction(self) -> int:
        """Bits right of the binary point (negative where the type counts in steps above 1)."""
        return self.width - self.integer

    @property
    def minimum(self) -> int:
        """Smallest raw integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest raw integer."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def storage(self) -> np.dtype[Any]:
        """The smallest of int8/16/32/64 that holds every raw integer (an unsigned type needs one bit more)."""
        bits = self.width + (not self.signed)
        for width in (8, 16, 32, 64):
            if bits <= width:
                return np.dtype(f"int{width}")
        raise InputError(f"{self} has no two's-complement integer of 64 bits or fewer that holds it")

    @staticmethod
    def parse(text: str) -> FixedType:
        """Read `fixed<16,6>`, `ap_ufixed<8,0,AP_RND_CONV,AP_SAT>`, `int<8>`, as hls4ml and Vitis HLS write them."""
        match = _PATTERN.fullmatch(text.strip())
        parts = [part.strip() for part in match[3].split(",")] if match else []
        expected = (2, 3, 4, 5) if match and match[2] == "fixed" else (1,)
        try:
            if match is None or len(parts) not in expected:
                raise ValueError
            width = int(parts[0])
            integer = int(parts[1]) if match[2] == "fixed" else width
            modes = [part.removeprefix("AP_") for part in parts[2:4]]
            rounding, overflow = (modes + ["TRN", "WRAP"][len(modes) :])[:2]
            if rounding not in get_args(Rounding) or overflow not in get_args(Overflow):
                raise ValueError
            if len(parts) == 5 and int(parts[4]) != 0:
                raise ValueError
        except ValueError:
            raise InputError(
                f"precision {text!r} is not a fixed-point type: write fixed<W,I> or ufixed<W,I>, "
                "with a rounding and an overflow mode if wanted, such as fixed<8,3,RND_CONV,SAT>"
            ) from None
        return FixedType(width, integer, not match[1], rounding, overflow)  # type: ignore[arg-type]  # checked above

    def __str__(self) -> str:
        modes = "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",{self.rounding},{self.overflow}"
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    def to_float(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """Raw integers as the values they stand for (exact up to 53 bits)."""
        return np.ldexp(np.asarray(raw, np.float64), -self.fraction)

    def quantise(self, values: NDArray[Any]) -> Integers:
        """Floating-point values to raw integers by this type's rounding and overflow.

        The scaling by a power of two is exact in float64, so the result is what `ap_fixed(double)` gives.
        """
        scaled = np.ldexp(np.asarray(values, np.float64), self.fraction)
        rounded = _ROUND_FLOAT[self.rounding](scaled)
        if self.overflow == "WRAP":
            # fmod by a power of two is exact; an infinity has only zero bits below the binary point of 2**1024.
            rounded = np.fmod(np.where(np.isinf(rounded), 0.0, rounded), 2.0**64)
            big = np.abs(rounded) >= 2.0**63
            rounded = np.where(big, rounded - np.copysign(2.0**64, rounded), rounded)
        else:
            rounded = np.clip(rounded, -(2.0**62), 2.0**62)
        return self.overflowed(rounded.astype(np.int64))

    def cast(self, raw: NDArray[Any], fraction: int) -> Integers:
        """Raw integers with `fraction` fraction bits, converted to this type as an ap_fixed assignment does.

        `raw`: int64, or Python's integers (dtype object) where 64 bits are too few (`exactly`).
        """
        raw = np.asarray(raw)
        raw = raw if raw.dtype == object else raw.astype(np.int64, copy=False)
        shift = fraction - self.fraction
        if shift <= 0:
            return self.overflowed(_shift_left(raw, -shift, self))
        return self.overflowed(_shift_right(raw, shift, self.rounding))

    def overflowed(self, raw: Integers) -> Integers:
        """Bring integers into range by the overflow mode."""
        return self._in_range(raw).astype(np.int64, copy=False)

    def _in_range(self, raw: Integers) -> Integers:
        if self.overflow == "WRAP":
            return self._wrapped(raw)
        low = -self.maximum if self.overflow == "SAT_SYM" and self.signed else self.minimum
        if self.overflow == "SAT_ZERO":
            return np.where((raw < self.minimum) | (raw > self.maximum), 0, raw)
        return np.clip(raw, low, self.maximum)

    def _wrapped(self, raw: Integers) -> Integers:
        if self.width == 64 and raw.dtype != object:
            return raw
        low = raw & ((1 << self.width) - 1)
        return np.where(low > self.maximum, low - (1 << self.width), low) if self.signed else low


def exactly(raw: Integers, bits: int) -> NDArray[Any]:
    """`raw` in a form that arithmetic whose results need `bits` bits, the sign among them, is exact in: int64 as it
    is, or, where that is too narrow, Python's integers (dtype object), which are some hundred times slower."""
    return raw if bits <= 64 else raw.astype(object)


def _shift_left(raw: Integers, bits: int, to: FixedType) -> Integers:
    """Gain fraction bits; a saturating target is clipped first so that the shift itself cannot overflow int64."""
    if bits == 0:
        return raw
    if raw.dtype == object or (to.overflow != "WRAP" and to.width > 61):
        return raw.astype(object) << bits
    if to.overflow == "WRAP":
        return raw << bits if bits < 64 else np.zeros_like(raw)
    bits = min(bits, 62)  # takes every value but 0 beyond the target's range, as more would
    limit = (1 << to.width >> bits) + 1
    return np.clip(raw, -limit, limit) << bits


def _shift_right(raw: Integers, bits: int, rounding: Rounding) -> Integers:
    """Drop `bits` fraction bits. Follows ap_fixed_base's assignment: quotient, then a carry decided by the mode."""
    if bits > 62:
        raw = raw.astype(object)
    floor = raw >> bits
    rest = raw - (floor << bits)  # 0 .. 2**bits - 1
    half = 1 << (bits - 1)
    match rounding:
        case "TRN":
            carry = np.zeros_like(rest, bool)
        case "TRN_ZERO":
            carry = (raw < 0) & (rest != 0)
        case "RND":
            carry = rest >= half
        case "RND_MIN_INF":
            carry = rest > half
        case "RND_ZERO":
            carry = (rest > half) | ((rest == half) & (raw < 0))
        case "RND_INF":
            carry = (rest > half) | ((rest == half) & (raw >= 0))
        case "RND_CONV":
            carry = (rest > half) | ((rest == half) & ((floor & 1) == 1))
    rounded: Integers = floor + carry
    return rounded


def _half_up(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest integer, ties towards plus infinity; floor(x + 0.5) is wrong just below a half."""
    floor = np.floor(x)
    with np.errstate(invalid="ignore"):  # infinity minus infinity: infinity stays
        return np.where(x - floor >= 0.5, floor + 1, floor)


_ROUND_FLOAT: dict[Rounding, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "TRN": np.floor,
    "TRN_ZERO": np.trunc,
    "RND": _half_up,
    "RND_MIN_INF": lambda x: -_half_up(-x),
    "RND_ZERO": lambda x: np.copysign(-_half_up(-np.abs(x)), x),
    "RND_INF": lambda x: np.copysign(_half_up(np.abs(x)), x),
    "RND_CONV": np.rint,
}
