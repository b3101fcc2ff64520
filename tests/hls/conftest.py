"""The Tcl interpreter in which weft's scripts for AMD's tools run."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def tclsh() -> str:
    found = shutil.which("tclsh")
    if found is None:
        pytest.skip("tclsh is not on PATH")
    return found
