"""What tests of the OpenCL device share."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.host.opencl.context import Context, list_devices


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def context(own_cache: Path) -> Context:
    """A device of this test's own, which has built nothing yet."""
    return Context(list_devices()[0])
