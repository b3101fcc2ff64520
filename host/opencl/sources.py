"""Kernel texts: files of OpenCL C, of which those that end in `.j2` are written out by jinja2.

What enters a text are numbers and types that weft chose; nothing of a network's names does.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

KERNELS = Path(__file__).parent / "kernels"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(KERNELS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # OpenCL C
    )


@lru_cache(maxsize=4096)  # a language model's schedules are made anew as its cache of keys grows
def source(name: str, **parameters: Any) -> str:
    """The text of `kernels/<name>`, with parameters filled in, which must be hashable."""
    return _environment().get_template(name).render(parameters)
