"""The C library's expf, tanhf and log, which hls4ml's compiled tables are made with.

They are not correctly rounded, and differ by their last bit between libraries: glibc 2.36's tanhf from the rounded
value in one of seven entries of a table. So the very functions are called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def expf(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """`std::exp(float)`."""
    return _each(_function("expf", ctypes.c_float), x, np.float32)


def tanhf(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """`std::tanh(float)`."""
    return _each(_function("tanhf", ctypes.c_float), x, np.float32)


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`std::log(double)`."""
    return _each(_function("log", ctypes.c_double), x, np.float64)


def _each(function: Callable[[float], float], x: NDArray[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    return np.array([function(value) for value in x.ravel().tolist()], dtype).reshape(x.shape)


@cache
def _function(name: str, kind: type[Any]) -> Callable[[float], float]:
    function = ctypes.CDLL(None)[name]  # the interpreter itself is linked with it
    function.restype, function.argtypes = kind, [kind]
    return function
