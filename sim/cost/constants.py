"""What a matrix of constants asks of the fabric: multipliers, shifts and additions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from weft.hls.design import Weight
from weft.hls.precision import Integers
from weft.sim.cost.dsp import NARROW_FACTOR

# A constant of this many nonzero signed digits is multiplied; fewer are shifts and adds. Weights of 8 bits that are
# uniform in -0.306 to 0.306 (32-32) then have 298 +- 13 products, of 10, 12, 14 bits 666, 881, 970; published: 287,
# 684, 878, 965 (turns times multipliers at reuse 512, wa-hls4ml-search@8e70542).
MULTIPLIED_DIGITS = 3


@dataclass(frozen=True)
class Constants:
    """Counts over a matrix.

    `terms`: signed digits of all constants, `simple_terms`: of those that need no multiplier; `adders` and
    `simple_adders`: additions inside products, a product of d digits has d - 1; `multiplied`: products that need a
    multiplier; `wide`: of these, what a DSP block takes; `aligned`: all constants are of one magnitude. Equal products
    count once in all but `count`, `nonzero` and the terms.
    """

    count: int
    nonzero: int
    terms: int
    simple_terms: int
    adders: int
    simple_adders: int
    multiplied: int
    wide: int
    aligned: bool


def signed_digits(raw: Integers) -> Integers:
    """Nonzero digits of each integer in canonical signed-digit form, the number of shifted terms it takes."""
    magnitude = np.abs(np.asarray(raw, np.int64)).astype(np.uint64).ravel()
    changed = (magnitude ^ (magnitude * np.uint64(3))).astype("<u8")
    digits: Integers = np.unpackbits(changed.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1, dtype=np.int64)
    return digits


@lru_cache(maxsize=256)
def constants_of(weight: Weight, n_out: int, one_input: bool) -> Constants:
    """The counts of a weight whose last axis has `n_out` outputs, once a weight: a plan estimates a design often.

    Where every row has `one_input`, equal constants of a row are one product: HLS shares common subexpressions. Of
    8-bit weights uniform in -0.306 to 0.306 that leaves 493 +- 19 of 710 in 32-64 and 298 of 361 in 32-32 (published:
    487 and 287, wa-hls4ml-search@8e70542).
    """
    raw = np.asarray(weight.raw, np.int64).ravel()
    digits = signed_digits(raw)
    simple = digits[digits < MULTIPLIED_DIGITS]
    products = _distinct(raw, n_out) if one_input else raw[raw != 0]
    inside = signed_digits(products) - 1
    hard = inside >= MULTIPLIED_DIGITS - 1
    return Constants(
        count=raw.size,
        nonzero=int(np.count_nonzero(raw)),
        terms=int(digits.sum()),
        simple_terms=int(simple.sum()),
        adders=int(inside.sum()),
        simple_adders=int(inside[~hard].sum()),
        multiplied=int(np.count_nonzero(hard)),
        wide=int(np.count_nonzero(_bits(products[hard]) > NARROW_FACTOR)),
        aligned=np.unique(np.abs(products)).size <= 1,
    )


def _distinct(raw: Integers, n_out: int) -> Integers:
    """The constants other than 0, equal ones of a row of `n_out` once."""
    if not raw.any():
        return raw[:0]
    at, least, span = np.flatnonzero(raw), int(raw.min()), int(np.ptp(raw)) + 1
    keys: Integers = np.unique(at // max(1, n_out) * span + raw[at] - least)
    return keys % span + least


def _bits(values: Integers) -> Integers:
    """Bits of an operand: HLS types a positive constant as unsigned, so that 11 and 13 have 4 and -11 has 5.

    That explains the products beyond the DSP blocks at reuse 1: 36, 24, 11, 4 published for 32-64 and 32-32 at 8 and 10
    bits, 35, 19, 12, 6 expected of 11 and 13 in uniform weights (wa-hls4ml-search@8e70542).
    """
    magnitude = np.where(values < 0, -values - 1, values)
    bits: Integers = np.ceil(np.log2(magnitude + 1)).astype(np.int64) + (values < 0)
    return bits
