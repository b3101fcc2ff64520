"""Weights that stand for published ones, which are not given: drawn to have the counts that a row gives."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from weft.hls.precision import FixedType, Integers
from weft.sim.cost.constants import MULTIPLIED_DIGITS, signed_digits
from weft.sim.cost.dsp import NARROW_FACTOR

Random = np.random.Generator


def bell(random: Random, kind: FixedType, nonzeros: int, zeros: int, fan_in: int) -> Integers:
    """Weights as training leaves them: normal with variance 2 / fan-in, so many of them zero."""
    values = np.rint(random.normal(0, np.sqrt(2 / fan_in), nonzeros) * 2.0**kind.fraction)
    values = np.where(values == 0, random.choice([-1, 1], nonzeros), values)
    raw = np.concatenate([np.clip(values, kind.minimum, kind.maximum), np.zeros(zeros)]).astype(np.int64)
    return np.asarray(random.permutation(raw), np.int64)


def trained(random: Random, kind: FixedType, shape: tuple[int, int], zeros: int, multiplied: int) -> Integers:
    """Weights of a bell, `multiplied` of them constants that take a DSP block, the others one or two digits."""
    nonzeros = shape[0] * shape[1] - zeros
    values = bell(random, kind, 64 * shape[0] * shape[1], 0, shape[0])
    digits = signed_digits(values)
    few, many = values[digits < MULTIPLIED_DIGITS], np.unique(values[digits >= MULTIPLIED_DIGITS])
    many = many[~((many > 0) & (many < 1 << NARROW_FACTOR))]
    raw = _spread(random, shape, min(multiplied, nonzeros), many)
    return _filled(random, raw, few[: nonzeros - np.count_nonzero(raw)])


def counted(
    random: Random, kind: FixedType, shape: tuple[int, int], zeros: int, powers: int, total: int, multiplied: int
) -> Integers:
    """Weights with so many zeros, powers of two and signed digits, of which `multiplied` need a multiplier.

    Constants come from the range of `initial`, uniform in it.
    """
    pools = _pools(int(np.sqrt(3 / shape[0]) * 2.0**kind.fraction))
    several = shape[0] * shape[1] - zeros - powers
    many = np.concatenate([pools[number] for number in pools if number >= MULTIPLIED_DIGITS] or [np.zeros(0, np.int64)])
    raw = _spread(random, shape, min(multiplied, several), many)
    placed = int(np.count_nonzero(raw))
    rest = min(several - placed, (total - powers - int(signed_digits(raw).sum())) // 2) if 2 in pools else 0
    powers_too = several - placed - rest  # where no constant of two digits fits, one digit is nearest
    return _filled(random, raw, *(random.choice(pools[n], k) for n, k in ((2, rest), (1, powers + powers_too)) if k))


def initial(random: Random, kind: FixedType, shape: tuple[int, int]) -> Integers:
    """Weights as initialised, uniform with variance 1 / fan-in.

    The counts of wa-hls4ml-search@8e70542 are theirs: 11 zeros and 163 powers of two published and 13 and 157 expected
    for 32-32 at 8 bits, 28 and 319 and 26 and 314 for 32-64, 59 and 678 and 68 and 678 for 96-32.
    """
    limit = np.sqrt(3 / shape[0])
    raw = np.rint(random.uniform(-limit, limit, shape) * 2.0**kind.fraction)
    return np.asarray(np.clip(raw, kind.minimum, kind.maximum), np.int64)


def _spread(random: Random, shape: tuple[int, int], count: int, values: Integers) -> Integers:
    """`count` of the values over a matrix, those of a row all different: HLS makes equal products of an input once."""
    n_in, n_out = shape
    raw = np.zeros(shape, np.int64)
    rows = random.permutation(np.repeat(np.arange(n_in), min(n_out, values.size)))[:count]
    for row, several in zip(*np.unique(rows, return_counts=True), strict=True):
        raw[row, random.permutation(n_out)[:several]] = random.permutation(values)[:several]
    return raw


def _filled(random: Random, raw: Integers, *values: Integers) -> Integers:
    """The matrix with the values in places that are still 0, so that every output has about as many terms."""
    several = random.permutation(np.concatenate(values)) if values else np.zeros(0, np.int64)
    place = np.where(raw == 0, random.random(raw.shape), -1.0).argsort(axis=0).argsort(axis=0)  # within its output
    first = np.argsort(place, axis=None, kind="stable")[: np.count_nonzero(raw) + several.size]
    free = first[raw.ravel()[first] == 0][: several.size]
    raw.reshape(-1)[free] = several[: free.size]
    return raw


@cache
def _pools(limit: int) -> dict[int, NDArray[np.int64]]:
    """Every nonzero raw integer up to a magnitude, by its signed digits."""
    raw = np.arange(-max(1, limit), max(1, limit) + 1)
    digits = signed_digits(raw)
    return {int(number): raw[digits == number] for number in np.unique(digits) if number}
