"""What tests of every room share: one machine's ports, pynq's shared state, and the cache of compiled firmware."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from platformdirs import user_cache_path

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Named even where it is the default: a test that changes HOME still finds what was compiled before it.
os.environ.setdefault("WEFT_CACHE_DIR", str(user_cache_path("weft")))


@pytest.fixture(scope="session", autouse=True)
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes what the user calibrated."""
    os.environ["WEFT_CONFIG_DIR"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def cache_folder() -> Path:
    """Where compiled firmware is kept, over all workers and runs."""
    return Path(os.environ["WEFT_CACHE_DIR"])


@pytest.fixture(scope="session")
def free_address() -> str:
    """A loopback address of this process alone: pynq looks for a remote board by IP, always at port 7967."""
    number = os.getpid() % (1 << 22)  # Linux's largest process number
    return f"127.{number >> 14 & 255}.{number >> 7 & 127}.{1 + (number & 127)}"


@pytest.fixture
def pynq_lock() -> Iterator[None]:
    """Nobody else makes an Overlay meanwhile: pynq keeps the last one's metadata inside its package.

    For pynq programs that are not weft's. `weft.Session` takes this very lock itself, so a test that holds it and opens
    a session in the same process waits for itself.
    """
    spec = importlib.util.find_spec("pynq")  # not imported: it looks for boards when it is
    if spec is None or spec.origin is None:
        pytest.skip("pynq is not installed")
    with FileLock(Path(spec.origin).parent / "pl_server" / "weft.lock", timeout=300):
        yield
