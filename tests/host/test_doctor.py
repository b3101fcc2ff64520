"""What is missing is named, with what it would enable and how to get it."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from typing import NamedTuple

import pytest

from weft.host.doctor import examine


def test_the_core_is_there() -> None:
    found = {finding.name: finding for finding in examine()}
    assert all(found[name].present and found[name].version for name in ("weft", "numpy", "onnx", "onnxruntime"))
    json.dumps([finding.to_json() for finding in found.values()])


def test_opencl_devices_by_the_names_that_open_them() -> None:
    pytest.importorskip("pyopencl")
    found = [finding for finding in examine() if finding.name.startswith("opencl")]
    assert [finding.name for finding in found] == [f"opencl@{number}" for number in range(len(found))]
    assert found
    assert all(finding.present and finding.version for finding in found)


def test_no_opencl_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.host.opencl.context.list_devices", list)
    (found,) = [finding for finding in examine() if finding.name == "opencl"]
    assert not found.present
    assert "driver" in found.advice


class Version(NamedTuple):
    major: int
    minor: int


def test_a_missing_package_and_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def without_pynq(name: str) -> str:
        if name == "pynq":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", without_pynq)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = {finding.name: finding for finding in examine()}
    assert not found["pynq"].present
    assert "weft[pynq]" in found["pynq"].advice
    assert "g++" in found["g++"].advice
    monkeypatch.setattr(sys, "version_info", Version(3, 13))
    found = {finding.name: finding for finding in examine()}
    assert "Python 3.13" in found["pynq"].advice
