"""Reads weights back from the C++ that da4ml wrote for a layer of strategy distributed_arithmetic.

hls4ml drops such a layer's weights and keeps the text: shifts, additions and subtractions, in a straight line, whose
types da4ml chose so that no bit is lost. That no type loses one is checked here, so the whole is a linear map.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weft.hls.precision import FixedType

_FUNCTION = re.compile(r"\nvoid (?!\w+_kernel\()\w+\(.*?\n}", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?:(ap_u?fixed<[^>]*>) )?(\w+)(?:\[(\d+)\])? = (.+)")
_SUM = re.compile(r"(\S+) ([+-]) (\S+)")
_CAST = re.compile(r"ap_u?fixed<[^>]*>\((.+)\)")
_SHIFT = re.compile(r"bit_shift<(-?\d+)>\((.+)\)")
_INPUT = re.compile(r"model_inp\[(\d+)\]")


class LinearMap(NamedTuple):
    """outputs = inputs (n_in,) @ matrix (n_in, n_out) + bias (n_out,), both in steps of 2**-fraction."""

    matrix: NDArray[Any]  # Python's integers
    bias: NDArray[Any]
    fraction: int
    casts: tuple[FixedType | None, ...]  # what each input is cast to first; None for an input that nothing reads


class _Form(NamedTuple):
    """A linear form: (inputs, 1) @ factors * 2**exponent."""

    factors: NDArray[Any]  # (n_in + 1,), Python's integers
    exponent: int


def linear_maps(code: str, n_in: int, n_out: int, where: str) -> list[LinearMap]:
    """One map for every function in `code`. Raises NotImplementedError, which names `where`, for other text."""
    return [_Reader(n_in, where).read(match[0], n_out) for match in _FUNCTION.finditer(code)]


class _Reader:
    """The variables of one function, and what its inputs are cast to."""

    def __init__(self, n_in: int, where: str) -> None:
        self.where = where
        self.n_in = n_in
        self.forms: dict[str, _Form] = {}
        self.casts: list[FixedType | None] = [None] * n_in
        self.outputs: dict[int, _Form] = {}

    def read(self, code: str, n_out: int) -> LinearMap:
        for statement in _statements(code):
            match = _ASSIGNMENT.fullmatch(statement)
            if match is None:
                raise self._unread(statement)
            kind, name, index, expression = match.groups()
            form = self._entered(expression, kind) or self._expression(expression)
            if name == "model_out":
                self.outputs[int(index)] = form
            else:
                self._check_exact(form, FixedType.parse(kind), statement)
                self.forms[name] = form
        if sorted(self.outputs) != list(range(n_out)):
            raise self._unread(f"{len(self.outputs)} outputs of {n_out}")
        columns = [self.outputs[index] for index in range(n_out)]
        exponent = min(form.exponent for form in columns)
        table = np.array([form.factors << (form.exponent - exponent) for form in columns], object).T
        return LinearMap(table[:-1], table[-1], -exponent, tuple(self.casts))

    def _entered(self, expression: str, kind: str) -> _Form | None:
        """The form of an input, which its assignment casts to `kind`."""
        match = _INPUT.fullmatch(expression)
        if match is None:
            return None
        index, cast = int(match[1]), FixedType.parse(kind)
        if self.casts[index] not in (None, cast):
            raise self._unread(expression)
        self.casts[index] = cast
        return _Form(np.array([int(i == index) for i in range(self.n_in + 1)], object), 0)

    def _expression(self, text: str) -> _Form:
        match = _SUM.fullmatch(text)
        if match is None:
            return self._term(text)
        left, right = self._term(match[1]), self._term(match[3])
        exponent = min(left.exponent, right.exponent)
        factors = [form.factors << (form.exponent - exponent) for form in (left, right)]
        return _Form(factors[0] + factors[1] if match[2] == "+" else factors[0] - factors[1], exponent)

    def _term(self, text: str) -> _Form:
        if text.startswith("-"):
            form = self._term(text[1:])
            return form._replace(factors=-form.factors)
        if match := _CAST.fullmatch(text):
            return self._term(match[1])
        if match := _SHIFT.fullmatch(text):
            form = self._term(match[2])
            return form._replace(exponent=form.exponent + int(match[1]))
        if text in self.forms:
            return self.forms[text]
        try:
            numerator, denominator = float(text).as_integer_ratio()
        except ValueError:
            raise self._unread(text) from None
        constant = np.array([0] * self.n_in + [numerator], object)
        return _Form(constant, 1 - denominator.bit_length())  # the denominator is a power of two

    def _check_exact(self, form: _Form, kind: FixedType, statement: str) -> None:
        """That `kind` holds every value of `form`, whatever the inputs."""
        low = high = 0
        finest = max((cast.fraction for cast in self.casts if cast), default=0)
        one = FixedType(1, 1, signed=False)
        for factor, cast in zip(form.factors, (*self.casts, one), strict=True):
            if factor == 0 or cast is None:
                continue
            step = form.exponent - cast.fraction + ((factor & -factor).bit_length() - 1)
            if step < -kind.fraction:
                raise self._unread(statement)
            least = 1 if cast is one else cast.minimum
            ends = [factor * end << (finest - cast.fraction) for end in (least, cast.maximum)]
            low, high = low + min(ends), high + max(ends)
        scale = form.exponent - finest + kind.fraction  # to the raw integers of `kind`
        low, high = (value << scale if scale >= 0 else value >> -scale for value in (low, high))
        if low < kind.minimum or high > kind.maximum:
            raise self._unread(statement)

    def _unread(self, text: str) -> NotImplementedError:
        return NotImplementedError(
            f"{self.where}: the code of strategy distributed_arithmetic has {text!r}, which is no linear map that weft "
            "can read: choose strategy latency"
        )


def _statements(code: str) -> Iterator[str]:
    """Assignments without type qualifiers and comments, one after the other."""
    for line in code.splitlines():
        text = re.sub(r"//.*", "", line).strip()
        if text.endswith(";"):
            yield re.sub(r", (?=[\w-]+[,>])", ",", text[:-1])
