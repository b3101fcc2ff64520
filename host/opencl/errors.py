"""OpenCL's errors as weft's: one sentence each, with the build log where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weft.boards.errors import DeviceError, ToolError

_LONGEST = 400  # characters of a driver's message or build log that an error carries


@contextmanager
def opencl_errors(doing: str) -> Iterator[None]:
    """Raise DeviceError for what OpenCL raises inside the block; `doing` begins the sentence."""
    cl = opencl()
    try:
        yield
    except (cl.MemoryError, MemoryError) as error:
        raise DeviceError(
            f"{doing}: the device is out of memory ({shortened(error)}); give smaller batches or plan less on it"
        ) from error
    except cl.Error as error:
        raise DeviceError(f"{doing} failed on the OpenCL device: {shortened(error)}") from error


def opencl() -> Any:
    """The module pyopencl. Raises ToolError where it is not installed."""
    try:
        import pyopencl
    except ImportError as error:
        raise ToolError(
            f"OpenCL devices need pyopencl ({shortened(error)}): install it with pip install 'weft[opencl]'"
        ) from error
    return pyopencl


def shortened(text: object) -> str:
    """A message on one line, cut after 400 characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
