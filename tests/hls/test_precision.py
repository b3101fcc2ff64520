"""FixedType against the real ap_fixed: hls4ml's ap_types, compiled by g++."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards.errors import InputError
from weft.hls.precision import FixedType, Overflow, Rounding, exactly

ROUNDINGS: tuple[Rounding, ...] = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS: tuple[Overflow, ...] = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
SOURCE = FixedType(14, 6)
TARGETS = [
    FixedType(width, integer, signed, rounding, overflow)
    for width, integer in ((6, 4), (9, 9), (5, -1), (12, 5))
    for signed in (True, False)
    for rounding in ROUNDINGS
    for overflow in OVERFLOWS
    if signed or overflow != "SAT_SYM"  # ap_fixed treats the symmetric range of an unsigned type as SAT
]


def spelled(kind: FixedType) -> str:
    prefix = "ap_fixed" if kind.signed else "ap_ufixed"
    return f"{prefix}<{kind.width},{kind.integer},AP_{kind.rounding},AP_{kind.overflow}>"


@pytest.fixture(scope="session")
def casts(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """A library with, for every target type, a cast from SOURCE and one from double."""
    hls4ml = pytest.importorskip("hls4ml")
    include = Path(hls4ml.__file__).parent / "templates/vivado/ap_types"
    lines = ["#include <ap_fixed.h>", f"typedef {spelled(SOURCE)} source_t;"]
    for index, kind in enumerate(TARGETS):
        lines += [
            f'extern "C" long raw_{index}(long x) {{ source_t s; s.range() = x; {spelled(kind)} t = s;'
            f" return {'(long)' if kind.signed else '(long)(unsigned long)'} t.V.VAL; }}",
            f'extern "C" long real_{index}(double x) {{ {spelled(kind)} t = x; return (long) t.V.VAL; }}',
        ]
    folder = tmp_path_factory.mktemp("ap_fixed")
    (folder / "casts.cpp").write_text("\n".join(lines))
    command = ["g++", "-O0", "-std=c++14", "-shared", "-fPIC", "-w", f"-I{include}", "-o", "casts.so", "casts.cpp"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "casts.so"))
    for index in range(len(TARGETS)):
        for name, argument in ((f"raw_{index}", ctypes.c_long), (f"real_{index}", ctypes.c_double)):
            function = getattr(library, name)
            function.restype, function.argtypes = ctypes.c_long, [argument]
    return library


def test_every_cast_is_ap_fixeds(casts: ctypes.CDLL) -> None:
    values = np.arange(SOURCE.minimum, SOURCE.maximum + 1, 7)
    for index, kind in enumerate(TARGETS):
        expected = [getattr(casts, f"raw_{index}")(int(value)) for value in values]
        np.testing.assert_array_equal(kind.cast(values, SOURCE.fraction), expected, err_msg=str(kind))


def test_every_quantisation_is_ap_fixeds(casts: ctypes.CDLL) -> None:
    steps = np.concatenate([np.arange(-600, 600) / 64, np.random.default_rng(0).normal(0, 40, 300)])
    values = np.concatenate([steps, np.nextafter(steps, 1e9), [1e9, -1e9, 1e-30, -1e-30]])
    for index, kind in enumerate(TARGETS):
        expected = [getattr(casts, f"real_{index}")(float(value)) for value in values]
        np.testing.assert_array_equal(kind.quantise(values), expected, err_msg=str(kind))


@given(st.integers(1, 64), st.integers(-8, 40), st.booleans(), st.sampled_from(ROUNDINGS), st.sampled_from(OVERFLOWS))
def test_a_type_is_read_as_it_is_written(
    width: int, integer: int, signed: bool, rounding: Rounding, overflow: Overflow
) -> None:
    kind = FixedType(width, integer, signed, rounding, overflow)
    assert FixedType.parse(str(kind)) == kind
    assert FixedType.parse(spelled(kind)) == kind


TYPES = st.builds(
    FixedType,
    st.integers(1, 63),
    st.integers(-80, 80),
    st.booleans(),
    st.sampled_from(ROUNDINGS),
    st.sampled_from(OVERFLOWS),
)


@given(TYPES, st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.integers(-40, 90))
def test_a_cast_in_64_bits_is_the_cast_of_pythons_integers(kind: FixedType, raw: list[int], fraction: int) -> None:
    ends = [*raw, 0, 1, -1, kind.minimum, kind.maximum]
    got, wanted = kind.cast(np.array(ends), fraction), kind.cast(np.array(ends, object), fraction)
    assert got.dtype == wanted.dtype == np.int64
    np.testing.assert_array_equal(got, wanted)


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_what_64_bits_are_too_few_for_is_taken_to_pythons_integers(first: int, second: int) -> None:
    a, b = np.array([first]), np.array([second])
    product = exactly(a, 82) * exactly(b, 82)
    assert product.tolist() == [first * second]
    assert FixedType(60, 60).cast(product, 40).tolist() == [first * second >> 40]
    assert exactly(a, 64) is a


@pytest.mark.parametrize(
    "text",
    ["", "fixed", "fixed<16>", "fixed<16,6", "float", "fixed<0,1>", "fixed<99,6>", "fixed<8,3,BEST>", "int<8,3>"],
)
def test_other_text_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        FixedType.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "storage"),
    [("fixed<8,3>", "int8"), ("ufixed<8,3>", "int16"), ("ufixed<7,3>", "int8"), ("fixed<33,3>", "int64")],
)
def test_storage_is_the_smallest_integer_that_holds_the_type(kind: str, storage: str) -> None:
    assert FixedType.parse(kind).storage == np.dtype(storage)


@given(st.lists(st.integers(-(2**30), 2**30), min_size=1), st.integers(0, 20))
def test_values_survive_the_way_through_floats(raw: list[int], fraction: int) -> None:
    kind = FixedType(32, 32 - fraction)
    assert kind.quantise(kind.to_float(np.array(raw))).tolist() == raw
