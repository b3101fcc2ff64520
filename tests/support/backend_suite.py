"""ONNX's own backend tests, run by name on any backend, and ONNX Runtime alone as a backend to compare with."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import onnx
import onnxruntime as ort
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test import BackendTest

PASSED, SKIPPED = "passed", "skipped"


class RuntimeAlone(Backend):
    """ONNX Runtime's CPU provider and nothing else."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> BackendRep:
        return _RuntimeAlone(model)


class _RuntimeAlone(BackendRep):
    def __init__(self, model: onnx.ModelProto) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        names = [argument.name for argument in self._session.get_inputs()]
        return tuple(self._session.run(None, dict(zip(names, inputs, strict=False))))


def cases(backend: type[Backend]) -> Iterator[tuple[str, unittest.TestCase]]:
    """Every test of the suite by name, but those of whole published models, which would have to be downloaded."""
    suite = BackendTest(backend, __name__)
    for category, kind in sorted(suite.test_cases.items()):
        if "Real" in category:
            continue
        for name in sorted(vars(kind)):
            if name.startswith("test_") and name.endswith("_cpu"):
                yield name, kind(name)


def outcomes(backend: type[Backend], wanted: Callable[[str], bool] = lambda _: True) -> dict[str, str]:
    """For each test that is `wanted`: "passed", "skipped", or the last line of what went wrong."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of the tests' own overflowing casts
        for name, case in cases(backend):
            if wanted(name):
                found[name] = _outcome(case)
    return found


def _outcome(case: unittest.TestCase) -> str:
    result = unittest.TestResult()
    case.run(result)
    wrong = [*result.errors, *result.failures]
    if wrong:
        return wrong[0][1].strip().splitlines()[-1]
    return SKIPPED if result.skipped else PASSED
