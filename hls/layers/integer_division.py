"""C++ integer arithmetic that NumPy does otherwise: division towards zero and the conversion of ap_fixed to int."""

from __future__ import annotations

import numpy as np

from weft.hls.precision import FixedType, Integers

_INT = FixedType(32, 32)


def truncated_quotient(raw: Integers, divisor: int | np.int64 | Integers) -> Integers:
    """`raw / divisor` rounded towards zero, as C++ and ap_fixed divide."""
    quotient: Integers = np.sign(raw) * np.sign(divisor) * (np.abs(raw) // np.abs(divisor))
    return quotient


def as_int(raw: Integers, fraction: int) -> Integers:
    """`int(x)` of an ap_fixed value with `fraction` fraction bits: towards zero, then modulo 2**32."""
    raw = raw.astype(object) if fraction > 62 else raw
    whole = truncated_quotient(raw, 1 << fraction) if fraction > 0 else raw << min(-fraction, 32)
    return _INT.overflowed(whole)
